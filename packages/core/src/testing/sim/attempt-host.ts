/** What attempts at operations share: their session as they see it, and handles and addresses as they need them. */

import type { Capabilities } from "@baton-io/core";
import { ADDRESS_BYTES_AT, ADDRESS_FAMILY, ADDRESS_WORD, ERRNO, OPCODE, WORD } from "@baton-io/core/driver";
import type { RawAddress } from "./addresses.js";
import type { Description, HandleId, Handles } from "./handles.js";
import type { Kernel } from "./kernel.js";
import type { SimMemory } from "./memory.js";
import type { Ticket } from "./ticket.js";

/** The result, or `undefined`: the operation waits. */
export type Outcome = number | undefined;

/** What attempts need of their session. */
export interface AttemptHost {
  readonly kernel: Kernel;
  readonly capabilities: Capabilities;
  readonly memory: SimMemory;
  readonly handles: Handles;
  /** The session is closed: all handles are. */
  readonly isClosed: boolean;
  readonly arenaBytes: Uint8Array<ArrayBuffer>;
  readonly arenaWords: Int32Array<ArrayBuffer>;
  /** Number of a provided buffer that no receive has taken, −1 when there is none. */
  takeProvidedBuffer(): number;
  /** Puts it back: a planted bug's work. */
  giveProvidedBufferBack(number: number): void;
  /** Answers a cancel. */
  cancel(slot: number, generation: number): number;
}

/** The answer to an operation on a handle that is closed or never was. */
export function badHandle({ kernel, isClosed }: AttemptHost): number {
  // What the end of the session overtakes is nobody's fault.
  if (!isClosed) kernel.ledger.badHandles++;
  return -ERRNO.EBADF;
}

/** What an operation finds behind the number of its descriptor when it comes to it. */
export function foundBehind({ kernel }: AttemptHost, description: Description | undefined): Description | undefined {
  if (description === undefined) return undefined;
  const found = kernel.descriptors.at(description.number);
  if (found !== description) kernel.ledger.strangersMet++;
  return found;
}

/** True for operations whose record names an open handle that they hold. */
export function holdsHandle(ticket: Ticket): boolean {
  return ticket.word(WORD.handleIndex) >= 0 && ticket.opcode !== OPCODE.close;
}

/** Says where the own position of what was opened stands, −1 for what cannot seek. */
export function answerOpen({ arenaBytes }: AttemptHost, ticket: Ticket, position: number): void {
  new DataView(arenaBytes.buffer).setBigInt64(ticket.word(WORD.arenaOffset), BigInt(position), true);
}

/** A new handle as the result of an operation; `-EMFILE` when there are too many. */
export function resultHandle(host: AttemptHost, ticket: Ticket, description: Description): number {
  const id = newHandle(host, description);
  ticket.auxiliary = id.generation;
  return id.index;
}

/** A new handle. */
export function newHandle(host: AttemptHost, description: Description): HandleId {
  const id = host.handles.add(description);
  const { ledger } = host.kernel;
  ledger.handlesOpened++;
  if (host.isClosed) {
    // It comes too late for anybody to hear of it.
    host.handles.remove(id.index, id.generation);
    ledger.handlesClosed++;
    description.close();
  }
  return id;
}

/** True when the operation, which takes so many handles, must fail for want of them. */
export function lacksHandles({ kernel, handles }: AttemptHost, count = 1): boolean {
  return handles.open + count > kernel.handlesMax || kernel.dice.happens("tooManyFiles");
}

/** The address in the operation's arena area. */
export function readRawAddress({ arenaBytes, arenaWords }: AttemptHost, ticket: Ticket): RawAddress {
  const offset = ticket.word(WORD.arenaOffset);
  const word = offset >> 2;
  const family = arenaWords[word + ADDRESS_WORD.family]!;
  const port = arenaWords[word + ADDRESS_WORD.portOrLength]!;
  const scope = arenaWords[word + ADDRESS_WORD.scope]!;
  const length = family === ADDRESS_FAMILY.unix ? port : 16;
  const bytes = arenaBytes.slice(offset + ADDRESS_BYTES_AT, offset + ADDRESS_BYTES_AT + length);
  return { family, bytes, port, scope };
}
