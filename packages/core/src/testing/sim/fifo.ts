/** Opening pipes that have a name. */
import { BEGUN_WORD, ERRNO, OPEN_FLAG, WORD } from "@baton-io/core/driver";
import { type AttemptHost, answerOpen, badHandle, newHandle } from "./attempt-host.js";
import { Description, type HandleId } from "./handles.js";
import type { FifoNode } from "./nodes.js";
import { PipeEnd } from "./pipe.js";
import type { Ticket } from "./ticket.js";

/** Opens one end, without waiting for the other: `-EAGAIN` while it is not there. */
export function openFifo(host: AttemptHost, ticket: Ticket, node: FifoNode, flags: number): number {
  const waits = (flags & OPEN_FLAG.nonBlock) === 0;
  const reads = (flags & OPEN_FLAG.read) !== 0;
  const writes = (flags & OPEN_FLAG.write) !== 0;
  if (!reads && node.channel.readerEnds === 0) return waits ? -ERRNO.EAGAIN : -ERRNO.ENXIO;
  const end = new PipeEnd(reads ? (writes ? "both" : "read") : "write", node.channel, node);
  const id = newHandle(host, new Description(end));
  return waits && !writes ? answer(host, ticket, end, id) : opened(host, ticket, id);
}

/** The reading end is open since an earlier try: has the other end come? */
export function resumeOpen(host: AttemptHost, ticket: Ticket): number {
  const end = ticket.description?.target;
  if (end?.kind !== "pipe") return badHandle(host);
  const id = { index: ticket.word(WORD.handleIndex), generation: ticket.word(WORD.handleGeneration) };
  return answer(host, ticket, end, id);
}

function answer(host: AttemptHost, ticket: Ticket, end: PipeEnd, id: HandleId): number {
  if (end.hasHadWriter) return opened(host, ticket, id);
  const { arenaWords } = host;
  const word = ticket.word(WORD.arenaOffset) >> 2;
  arenaWords[word + BEGUN_WORD.index] = id.index;
  arenaWords[word + BEGUN_WORD.generation] = id.generation;
  ticket.begun = true;
  return -ERRNO.EAGAIN;
}

function opened(host: AttemptHost, ticket: Ticket, id: HandleId): number {
  // A pipe cannot seek.
  answerOpen(host, ticket, -1);
  ticket.auxiliary = id.generation;
  return id.index;
}
