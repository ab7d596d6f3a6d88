/** The low level: operations as data. A request names its operation, its resource and its buffer. */

import { batonError } from "./base/errors.js";
import { checkOptions, describe, wrongType } from "./base/validate.js";
import type { Lendable, ReleasedBuffer, Unreleased } from "./memory/owned-buffer.js";
import type { OperationOptions } from "./operation/cancel.js";
import type { Dispatcher } from "./operation/dispatcher.js";
import type { Entry } from "./operation/entry.js";
import { defineKind } from "./operation/operation-kind.js";
import {
  type DatagramResult,
  type DatagramSendOptions,
  prepareReceiveMessage,
  prepareSendMessage,
} from "./resource/datagram-operations.js";
import type { File } from "./resource/file.js";
import {
  FILE_TRANSFER,
  type FileCore,
  HANDLE_REQUESTS,
  type HandleRequest,
  prepareFileStat,
  prepareFileTransfer,
  preparePathStat,
  type ReadResult,
  type StatOptions,
  type WriteResult,
} from "./resource/file-operations.js";
import { SPACE_REQUESTS, type SpaceRequest } from "./resource/file-space.js";
import type { FileStat } from "./resource/file-stat.js";
import {
  FILE_VECTOR,
  type IsReleased,
  prepareFileVector,
  type ReadVectorResult,
  type VectorOptions,
  type WriteVectorResult,
} from "./resource/file-vector.js";
import { expectOwnResource, fileCore, streamCore } from "./resource/inner.js";
import { prepareAccept } from "./resource/listener-operations.js";
import { type OpenOptions, prepareOpen } from "./resource/open.js";
import { PATH_REQUESTS, type PathRequest } from "./resource/path-operations.js";
import { type PollOptions, preparePoll, type Readiness } from "./resource/readiness.js";
import { byOpcode } from "./resource/request-table.js";
import type { ResourceTracker } from "./resource/resource-tracker.js";
import { listenerCore, type StreamListener } from "./resource/stream-listener.js";
import {
  type ProvidedResult,
  prepareReceive,
  prepareReceiveProvided,
  prepareSend,
  prepareShutdown,
  type ReceiveResult,
  type SendResult,
  type ShutdownHow,
} from "./resource/stream-operations.js";
import type { StreamSocket } from "./resource/stream-socket.js";
import { prepareTimer } from "./resource/timer.js";
import { operationOptionNames, type PositionedOptions, type TransferOptions } from "./resource/transfer.js";
import { socketCore, type UdpSocket } from "./resource/udp-socket.js";
import type { OpenFlags } from "./spi/open-flags.js";

type On<R> = R extends "file"
  ? { readonly file: File }
  : R extends "socket"
    ? { readonly socket: UdpSocket }
    : R extends "stream"
      ? { readonly stream: StreamSocket }
      : { readonly listener: StreamListener };

interface With<B extends Lendable> {
  readonly buffer: B & Unreleased<B>;
}

/** Operations on an open file that carry no buffer. */
type FileRequest = HandleRequest<On<"file">> | SpaceRequest<On<"file">>;

/** Every operation a program can submit, as data. */
export type Request<B extends Lendable = Lendable> =
  | ({ readonly opcode: "nop" } & OperationOptions)
  | ({ readonly opcode: "timer"; readonly afterMs: number } & OperationOptions)
  | ({ readonly opcode: "open"; readonly path: string | Uint8Array; readonly flags?: OpenFlags } & OpenOptions)
  | ({ readonly opcode: "stat"; readonly path: string | Uint8Array } & StatOptions)
  | ({ readonly opcode: "stat" } & On<"file"> & OperationOptions)
  | ({ readonly opcode: "read" } & On<"file"> & With<B> & PositionedOptions)
  | ({ readonly opcode: "write" } & On<"file"> & With<B> & PositionedOptions)
  | ({ readonly opcode: "readv" | "writev"; readonly buffers: readonly B[] } & On<"file"> & VectorOptions)
  | FileRequest
  | PathRequest
  | ({ readonly opcode: "accept" } & On<"listener"> & OperationOptions)
  | ({ readonly opcode: "receive" } & On<"stream"> & With<B> & TransferOptions)
  | ({ readonly opcode: "receive"; readonly buffer?: undefined } & On<"stream"> & OperationOptions)
  | ({ readonly opcode: "send" } & On<"stream"> & With<B> & TransferOptions)
  | ({ readonly opcode: "receiveMessage" } & On<"socket"> & With<B> & TransferOptions)
  | ({ readonly opcode: "sendMessage" } & On<"socket"> & With<B> & DatagramSendOptions)
  | ({ readonly opcode: "poll" } & On<"stream"> & PollOptions)
  | ({ readonly opcode: "shutdown"; readonly how?: ShutdownHow } & On<"stream">);

/** The properties of requests with this opcode. */
type NamesOf<Opcode> = Request extends infer R
  ? R extends { readonly opcode: infer Known }
    ? Opcode extends Known
      ? keyof R
      : never
    : never
  : never;

/** `true` when the compiler knows a buffer of the request to be released. */
type HasReleased<R> = R extends { readonly buffer: ReleasedBuffer }
  ? true
  : R extends { readonly buffers: readonly (infer B)[] }
    ? true extends IsReleased<B>
      ? true
      : false
    : false;

/**
 * What the compiler refuses of a request although it has the shape of one: a buffer that was released, and a property
 * that its operation does not know, most likely a misspelling.
 */
export type Checked<R> =
  HasReleased<R> extends true
    ? { readonly error: "this buffer was released" }
    : R extends { readonly opcode: infer Opcode }
      ? {
          readonly [Name in keyof R as Name extends NamesOf<Opcode> ? never : Name]: {
            readonly error: "the operation has no such option";
          };
        }
      : unknown;

/** What the operations without a buffer resolve with, where that is something. */
interface PlainResults {
  readonly open: File;
  readonly stat: FileStat;
  readonly poll: Readiness;
}

/** What a request's operation resolves with. */
export type ResultOf<R> = R extends { readonly opcode: infer Opcode; readonly buffer: infer B extends object }
  ? Opcode extends "read"
    ? ReadResult<B>
    : Opcode extends "write"
      ? WriteResult<B>
      : Opcode extends "receive"
        ? ReceiveResult<B>
        : Opcode extends "receiveMessage"
          ? DatagramResult<B>
          : SendResult<B>
  : R extends { readonly opcode: infer Opcode; readonly buffers: infer B extends readonly Lendable[] }
    ? Opcode extends "readv"
      ? ReadVectorResult<B>
      : WriteVectorResult<B>
    : R extends { readonly opcode: "accept"; readonly listener: StreamListener<infer S> }
      ? S
      : R extends { readonly opcode: "receive" }
        ? ProvidedResult
        : R extends { readonly opcode: infer Opcode extends keyof PlainResults }
          ? PlainResults[Opcode]
          : undefined;

const pathRequests = byOpcode<Dispatcher, PathRequest>(PATH_REQUESTS);
const fileRequests = byOpcode<FileCore, HandleRequest<unknown> | SpaceRequest<unknown>>(
  HANDLE_REQUESTS,
  SPACE_REQUESTS,
);

const nopKind = defineKind("nop", {});

/** Begins a nop. */
export function prepareNop(dispatcher: Dispatcher): Entry {
  return dispatcher.requests.begin(nopKind, undefined);
}

/** Checks and begins what a request asks for. Throws what is wrong with it; then nothing is lent. */
export function prepareRequest(dispatcher: Dispatcher, tracker: ResourceTracker, request: Request): Entry {
  if (typeof request !== "object" || request === null) {
    throw batonError("ERR_INVALID_ARG_TYPE", `submit: a request is an object, not ${describe(request)}.`);
  }
  const own = <C extends { readonly dispatcher: Dispatcher }>(name: string, core: C) =>
    expectOwnResource("submit", name, core, dispatcher);
  switch (request.opcode) {
    case "nop": {
      const { opcode: _, ...options } = request;
      checkOptions("submit", options, operationOptionNames);
      const early = dispatcher.canceler.check("submit", options);
      const entry = prepareNop(dispatcher);
      dispatcher.canceler.attach(entry, early);
      return entry;
    }
    case "timer": {
      const { opcode: _, ...options } = request;
      return prepareTimer(dispatcher, "submit", options);
    }
    case "open": {
      const { opcode: _, path, flags = "r", ...options } = request;
      return prepareOpen(dispatcher, tracker, path, flags, options);
    }
    case "stat": {
      if ("file" in request) {
        const { opcode: _, file, ...options } = request;
        return prepareFileStat(own("file", fileCore(file)), options);
      }
      const { opcode: _, path, ...options } = request;
      return preparePathStat(dispatcher, path, options);
    }
    case "read":
    case "write": {
      const { opcode, file, buffer, ...options } = request;
      return prepareFileTransfer(own("file", fileCore(file)), FILE_TRANSFER[opcode], buffer, options);
    }
    case "readv":
    case "writev": {
      const { opcode, file, buffers, ...options } = request;
      return prepareFileVector(own("file", fileCore(file)), FILE_VECTOR[opcode], buffers, options);
    }
    case "accept": {
      const { opcode: _, listener, ...options } = request;
      return prepareAccept(own("listener", listenerCore(listener)), options);
    }
    case "receive": {
      const { opcode: _, stream, buffer, ...options } = request;
      return buffer === undefined
        ? prepareReceiveProvided(own("stream", streamCore(stream)), options)
        : prepareReceive(own("stream", streamCore(stream)), buffer, options);
    }
    case "send": {
      const { opcode: _, stream, buffer, ...options } = request;
      const entry = prepareSend(own("stream", streamCore(stream)), buffer, options);
      // At this level one operation is one submission: what did not go out is the caller's to send.
      entry.whole = false;
      return entry;
    }
    case "receiveMessage": {
      const { opcode: _, socket, buffer, ...options } = request;
      return prepareReceiveMessage(own("socket", socketCore(socket)), buffer, options);
    }
    case "sendMessage": {
      const { opcode: _, socket, buffer, ...options } = request;
      return prepareSendMessage(own("socket", socketCore(socket)), buffer, options);
    }
    case "poll": {
      const { opcode: _, stream, ...options } = request;
      return preparePoll(own("stream", streamCore(stream)), options);
    }
    case "shutdown": {
      const { opcode: _, stream, how = "send", ...options } = request;
      checkOptions("submit", options, {});
      return prepareShutdown(own("stream", streamCore(stream)), how);
    }
  }
  // The compiler says so when an operation is neither above nor in one of the tables.
  const { opcode }: FileRequest | PathRequest = request;
  const onPath = pathRequests.get(opcode);
  if (onPath !== undefined) return onPath(dispatcher, request as PathRequest);
  const onFile = fileRequests.get(opcode);
  if (onFile === undefined) throw unknownOpcode(opcode);
  const { file, ...rest } = request as FileRequest;
  return onFile(own("file", fileCore(file)), rest);
}

function unknownOpcode(opcode: unknown): Error {
  const name = typeof opcode === "string" ? `"${opcode}"` : describe(opcode);
  return batonError("ERR_INVALID_ARG_VALUE", `submit: there is no operation ${name} to submit.`);
}

/**
 * The requests as they are now: reading the caller's list may run code of the caller's, and must not do so, or fail, when
 * some of them have been submitted.
 */
export function copyRequests(where: string, requests: unknown): readonly Request[] {
  if (!Array.isArray(requests)) throw wrongType(where, "requests", "an array", requests);
  return Array.from(requests as readonly Request[]);
}
