/** Descriptors that the simulated program brings along, and what becomes of those that a session adopts. */
import { ADDRESS_FAMILY, ADOPT_ANSWER, ADOPT_FLAG, ADOPT_KIND, ERRNO, OPEN_FLAG, WORD } from "@baton-io/core/driver";
import type { RawAddress } from "./addresses.js";
import type { AttemptHost } from "./attempt-host.js";
import type { Endpoint } from "./connection.js";
import { Description, type Target } from "./handles.js";
import type { Kernel } from "./kernel.js";
import type { SimListener } from "./network.js";
import { PipeEnd } from "./pipe.js";
import { answerAddress } from "./socket-operations.js";
import type { Ticket } from "./ticket.js";

export function adopt(host: AttemptHost, ticket: Ticket): number {
  const { kernel, handles, arenaBytes } = host;
  const description = kernel.descriptors.at(ticket.word(WORD.argument0));
  if (description === undefined) return -ERRNO.EBADF;
  if (handles.has(description)) return -ERRNO.EBUSY;
  const { target } = description;
  const kind = ticket.word(WORD.argument1);
  const refusal = refusalOf(target, kind);
  if (refusal < 0) return refusal;
  const offset = ticket.word(WORD.arenaOffset);
  if (kind === ADOPT_KIND.file) {
    const view = new DataView(arenaBytes.buffer, offset);
    view.setBigInt64(ADOPT_ANSWER.positionAt, target.kind === "file" ? BigInt(target.position) : -1n, true);
    const appends = target.kind === "file" && (target.flags & OPEN_FLAG.append) !== 0;
    view.setUint32(ADOPT_ANSWER.flagsAt, appends ? ADOPT_FLAG.appends : 0, true);
  } else {
    const socket = target as Endpoint | SimListener;
    const own = socket.kind === "stream" ? socket.local : socket.address;
    answerAddress(host, offset + ADOPT_ANSWER.addressAt, own);
  }
  const id = handles.adopt(description);
  kernel.ledger.handlesOpened++;
  ticket.auxiliary = id.generation;
  return id.index;
}

/** Why the target cannot be used as that, 0 when it can. */
function refusalOf({ kind }: Target, use: number): number {
  const isSocket = kind === "stream" || kind === "listener" || kind === "datagram";
  if (use === ADOPT_KIND.file) return isSocket ? -ERRNO.EINVAL : 0;
  if (!isSocket) return -ERRNO.ENOTSOCK;
  if (kind === "datagram") return -ERRNO.EPROTOTYPE;
  return (kind === "stream") === (use === ADOPT_KIND.stream) ? 0 : -ERRNO.EINVAL;
}

/** The descriptors of the simulated program that no session has: what a real one gets from its parent or its libraries. */
export interface SimDescriptors {
  /** Opens a file or FIFO for reading and writing; `append`: writes go to the end. A negative errno when it is not there. */
  open(path: string, append?: boolean): number;
  /** Moves the own position of a file on, bytes. */
  skip(descriptor: number, bytes: number): void;
  /** A TCP listener at this port of 127.0.0.1, 0 for any. */
  listen(port: number): number;
  /** A TCP connection to that port; a negative errno when nobody listens there. */
  connect(port: number): number;
  isOpen(descriptor: number): boolean;
  close(descriptor: number): void;
}

const BACKLOG = 128;

/** The descriptors of a simulated machine's program. */
export function createDescriptors(kernel: Kernel): SimDescriptors {
  const add = (target: Target | number) => {
    if (typeof target === "number") return target;
    const description = new Description(target);
    description.open(kernel.descriptors);
    return description.number;
  };
  return {
    open: (path, append = false) => add(openTarget(kernel, path, append)),
    skip: (descriptor, bytes) => {
      const target = kernel.descriptors.at(descriptor)?.target;
      if (target?.kind === "file") target.position += bytes;
    },
    listen: (port) => add(kernel.network.listen(kernel, loopback(port), 0, BACKLOG)),
    connect: (port) => {
      const end = kernel.network.connect(kernel, loopback(port));
      // A full backlog keeps nobody waiting here.
      return typeof end !== "number" && end.kind === "listener" ? -ERRNO.EAGAIN : add(end);
    },
    isOpen: (descriptor) => kernel.descriptors.at(descriptor) !== undefined,
    close: (descriptor) => kernel.descriptors.at(descriptor)?.close(),
  };
}

function openTarget(kernel: Kernel, path: string, append: boolean): Target | number {
  const { files } = kernel;
  const flags = OPEN_FLAG.read | OPEN_FLAG.write | (append ? OPEN_FLAG.append : 0);
  const node = files.open(new TextEncoder().encode(path), flags, 0);
  if (typeof node === "number") return node;
  if (node.kind === "fifo") return new PipeEnd("both", node.channel, node);
  files.opened(node);
  return { kind: "file", node, flags, position: 0, close: () => files.closed(node) };
}

function loopback(port: number): RawAddress {
  return { family: ADDRESS_FAMILY.ipv4, bytes: new Uint8Array([127, 0, 0, 1, ...new Uint8Array(12)]), port, scope: 0 };
}
