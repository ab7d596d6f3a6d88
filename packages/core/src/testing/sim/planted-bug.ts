/**
 * Canaries: bugs that a driver could have, built into the simulated one. A test that does not notice them asserts
 * nothing.
 */

/** Name and meaning of every planted bug. */
export const plantedBugTable = [
  ["complete-twice", "an operation gets two final completions"],
  ["drop-completion", "an operation ends and nobody is told"],
  ["cancel-hits-by-slot", "a late cancel ends the operation that has the slot now, whatever its generation"],
  ["early-completion-late-write", "the completion comes first and the bytes are written into the buffer later"],
  ["lose-accept", "an accept that wins against its cancel drops the connection"],
  ["lose-bytes", "a receive that wins against its cancel drops the bytes"],
  ["lose-send", "a send that wins against its cancel sends, and says it was canceled"],
  ["keep-provided-buffer", "the buffer of a receive that ends without bytes is never handed back"],
  ["provide-buffer-twice", "two receives are given the same provided buffer"],
  ["claim-full-length", "a short read says that it filled the buffer"],
  ["leak-on-close", "close says 0 and leaves the handle open"],
  ["close-forgets-users", "the number of a descriptor is free while operations in flight still name it"],
  ["forget-room", "a driver that was full does not say when it has room again"],
  ["forget-more", "a multishot operation goes on after a completion without the more flag"],
  ["timer-early", "a timer completes before its time"],
  ["reorder-bytes", "two pieces of a byte stream change places"],
  ["reset-is-an-end", "a receive takes a reset for the end of the stream"],
  ["reset-sends-count-all", "a send that a reset cuts short says that all of it has gone out"],
  ["timeout-ignored", "an operation that the driver shall end after a time goes on"],
  ["link-ignores-failure", "what is chained behind an operation starts although that one has failed"],
  ["datagrams-merged", "two datagrams that wait are received as one"],
  ["splice-forgets", "a splice that moves fewer bytes than it took drops the rest"],
  ["unlink-keeps-name", "an unlink says 0 and leaves the name"],
  ["vector-out-of-order", "a vectored read fills its buffers in the wrong order"],
  ["write-after-close", "the kernel writes into a buffer that a closed session has confirmed"],
] as const;

/** Name of a planted bug. */
export type PlantedBug = (typeof plantedBugTable)[number][0];

/** Names in the order of the table. */
export const plantedBugNames: readonly PlantedBug[] = plantedBugTable.map((row) => row[0]);
