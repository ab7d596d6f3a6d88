/** Making resources of descriptors that the program brings along. */

import { checkInteger, checkOptions, type OptionNames, wrongType } from "../base/validate.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { ResourceHandle, ResourceState } from "../operation/resource-state.js";
import { readAnyAddress, type SocketAddress, type UnixAddress } from "../spi/address.js";
import { ADOPT_ANSWER, ADOPT_ANSWER_BYTES, ADOPT_FLAG, ADOPT_KIND, AUXILIARY_SHIFT, WORD } from "../spi/record.js";
import { closeHandle, closingBy } from "./closing.js";
import { createFile } from "./create-file.js";
import type { File } from "./file.js";
import { createListenerCore, createStream } from "./listener-operations.js";
import type { ResourceTracker } from "./resource-tracker.js";
import { type StreamSocketOptions, socketOptionBits, streamSocketOptionNames } from "./socket-options.js";
import type { StreamSocket } from "./stream-socket.js";
import { TcpListener } from "./tcp-listener.js";
import { UnixListener } from "./unix-listener.js";

export interface AdoptOptions {
  /** What errors and the inspector call it; default `"fd 5"` for descriptor 5. */
  readonly label?: string;
}

/** How connections of an adopted listener are: as for `listen`. */
export interface AdoptListenerOptions extends AdoptOptions, StreamSocketOptions {}

const adoptOptionNames: OptionNames = { label: true };
const adoptListenerOptionNames: OptionNames = { ...adoptOptionNames, ...streamSocketOptionNames };

/** The largest descriptor: an `int` of C. */
const DESCRIPTOR_MAX = 2 ** 31 - 1;

interface AdoptSubject {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly label: string;
  /** Socket options of connections that a listener accepts. */
  readonly streamBits: number;
  readonly create: (adopted: Adopted) => File | StreamSocket | TcpListener | UnixListener;
}

/** A handle that was made, and where the driver's answer stands in the arena. */
interface Adopted {
  readonly subject: AdoptSubject;
  readonly index: number;
  readonly generation: number;
  readonly offset: number;
}

const adoptKind = defineKind("adopt", {
  finish: (entry, result, flags) => {
    const subject = entry.subject as AdoptSubject;
    const offset = subject.dispatcher.records[entry.base + WORD.arenaOffset]!;
    return subject.create({ subject, index: result, generation: flags >>> AUXILIARY_SHIFT, offset });
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as AdoptSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  details: (entry) => ({ path: (entry.subject as AdoptSubject).label }),
});

function createAdoptedFile({ subject: { dispatcher, tracker, label }, index, generation, offset }: Adopted): File {
  const { arena } = dispatcher;
  const position = Number(arena.int64(offset, ADOPT_ANSWER.positionAt >> 3));
  const appends = (arena.words[(offset + ADOPT_ANSWER.flagsAt) >> 2]! & ADOPT_FLAG.appends) !== 0;
  return createFile(dispatcher, tracker, { index, generation, label, position, appends });
}

function createAdoptedStream(adopted: Adopted): StreamSocket {
  const { dispatcher, tracker, label } = adopted.subject;
  const kind = addressOf(adopted).family === "unix" ? "unix-stream" : "tcp-stream";
  const state = new ResourceState(new ResourceHandle(kind, label, adopted.index, adopted.generation));
  return createStream(dispatcher, tracker, state, closingBy(dispatcher, tracker, "shut-down-and-cancel"));
}

function createAdoptedListener(adopted: Adopted): TcpListener | UnixListener {
  const { dispatcher, tracker, label, streamBits } = adopted.subject;
  const address = addressOf(adopted);
  // A socket file stays: it belongs to whoever made it, who may listen there again.
  if (address.family === "unix") {
    const handle = new ResourceHandle("unix-listener", label, adopted.index, adopted.generation);
    return new UnixListener(createListenerCore(dispatcher, tracker, handle, { streamBits: 0 }), address);
  }
  const handle = new ResourceHandle("tcp-listener", label, adopted.index, adopted.generation);
  return new TcpListener(createListenerCore(dispatcher, tracker, handle, { streamBits }), address);
}

function addressOf({ subject: { dispatcher }, offset }: Adopted): SocketAddress | UnixAddress {
  const { bytes, words } = dispatcher.arena;
  return readAnyAddress(bytes, words, offset + ADOPT_ANSWER.addressAt);
}

/** The kinds of resource that a descriptor can become. */
const creators = {
  file: createAdoptedFile,
  stream: createAdoptedStream,
  listener: createAdoptedListener,
} as const;

/** Begins to adopt a descriptor. */
export function prepareAdopt(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  kind: keyof typeof ADOPT_KIND,
  fd: number,
  options: AdoptOptions & StreamSocketOptions,
): Entry {
  const where = { file: "adoptFile", stream: "adoptStream", listener: "adoptListener" }[kind];
  checkInteger(where, "fd", fd, 0, DESCRIPTOR_MAX);
  checkOptions(where, options, kind === "listener" ? adoptListenerOptionNames : adoptOptionNames);
  const { label = `fd ${fd}` } = options;
  if (typeof label !== "string") throw wrongType(where, "label", "a string", label);
  const streamBits = kind === "listener" ? socketOptionBits(where, options) : 0;
  const entry = dispatcher.requests.begin(adoptKind, undefined);
  entry.subject = { dispatcher, tracker, label, streamBits, create: creators[kind] } satisfies AdoptSubject;
  dispatcher.records[entry.base + WORD.argument0] = fd;
  dispatcher.records[entry.base + WORD.argument1] = ADOPT_KIND[kind];
  entry.areaBytes = ADOPT_ANSWER_BYTES;
  return entry;
}
