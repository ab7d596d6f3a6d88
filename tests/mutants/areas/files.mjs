// @ts-check
/** Mutants of files: the own position, lengths, what a full disk leaves. */
import { CORE, core, kit, native, simKit } from "../killers.mjs";

const EPOLL = "packages/driver-epoll/native/";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const files = [
  {
    name: "own-position-left-to-the-driver",
    promise: "P6",
    file: `${CORE}dispatcher.ts`,
    find: "      this.writePosition(entry, start);\n",
    replace: "      this.writePosition(entry, -1);\n",
    killedBy: [...simKit("own-position/grows"), ...core("own-position", "handed over with an explicit one")],
  },
  {
    name: "own-position-ignores-writes",
    promise: "operations",
    file: `${CORE}own-position.ts`,
    find: "    else this.#offset += bytes;\n",
    replace: "",
    killedBy: kit("own-position/shared"),
  },
  {
    name: "own-position-of-two-lanes",
    promise: "operations",
    file: `${CORE}resource/create-file.ts`,
    find: "position === undefined ? dispatcher.createLane() : readLane;",
    replace: "dispatcher.createLane();",
    killedBy: kit("own-position/in-order"),
  },
  {
    name: "own-position-ignores-appends",
    promise: "operations",
    file: `${CORE}own-position.ts`,
    find: "    if (this.appends) this.#atEnd = true;\n    else",
    replace: "    if (!this.appends)",
    killedBy: kit("own-position/appended"),
  },
  {
    name: "own-position-ignores-aborted-writes",
    promise: "P6",
    file: `${CORE}own-position.ts`,
    find: "      this.wrote(bytes);\n",
    replace: "      if (told) this.wrote(bytes);\n",
    killedBy: kit("own-position/aborted-writes"),
  },
  {
    name: "own-position-follows-aborted-reads",
    promise: "P6",
    file: `${CORE}own-position.ts`,
    find: "      if (told) this.#offset += bytes;\n",
    replace: "      this.#offset += bytes;\n",
    killedBy: kit(
      "own-position/aborted-reads",
      "file-salvage/reads-at-the-own-position",
      "file-salvage/abandoned-reads",
      "file-readv/salvage",
    ),
  },
  {
    name: "own-position-ignores-queued-writes",
    promise: "P6",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.position !== undefined) entry.position.ended(entry, entry.progress, false);\n",
    replace: "",
    killedBy: core("own-position", "cancelled on its way to the driver for the rest"),
  },
  {
    name: "pipe-leaves-own-position",
    promise: "operations",
    file: `${CORE}resource/file-place.ts`,
    find: "      if (reads) position?.read(bytes);\n      else",
    replace: "      if (!reads)",
    killedBy: kit("own-position/piped-from"),
  },
  {
    name: "position-on-a-pipe",
    promise: "operations",
    file: `${CORE}resource/file-operations.ts`,
    find: "  if (core.position === undefined) entry.refusal = -ERRNO.ESPIPE;\n",
    replace: "",
    killedBy: core("own-position", "refuses a position with ESPIPE"),
  },
  {
    name: "lengths-are-signed",
    promise: "operations",
    file: `${CORE}dispatcher.ts`,
    find: "      records[entry.base + WORD.length] = Math.min(length, TRANSFER_BYTES_MAX);\n",
    replace: "      records[entry.base + WORD.length] = length;\n",
    killedBy: core("own-position", "goes in submissions of what the kernel moves at once"),
  },
  {
    name: "buffers-without-limit",
    promise: "operations",
    file: `${CORE}foreign-memory.ts`,
    find: "  if (length > BUFFER_BYTES_MAX) {\n",
    replace: "  if (length > Number.MAX_SAFE_INTEGER) {\n",
    killedBy: core("own-position", "of which the longest is refused with a code"),
  },
  {
    name: "epoll-believes-an-early-end",
    promise: "operations",
    file: `${EPOLL}engine_files.cc`,
    find: "      if (done == 0 || record.Has(kSubmitLink)) break;\n",
    replace: "",
    killedBy: native(
      "driver-epoll",
      "early_end_test.cc",
      "a 0 of a read that must not wait",
      "in a chain it is no end",
    ),
  },
  {
    name: "epoll-binds-on-the-loop",
    promise: "operations",
    file: `${EPOLL}engine_sockets.cc`,
    find: "  if (!NamesPath(area)) return false;\n",
    replace: "  if (NamesPath(area) || true) return false;\n",
    killedBy: native("driver-epoll", "frozen_test.cc", "what waits for a frozen file system waits on a thread"),
  },
];
