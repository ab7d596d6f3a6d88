/**
 * The one table of operations. Everything that must agree on an operation is made from it: the numbers and
 * names here, the C++ header both native drivers include, the rows of `capabilities`, and the reference page
 * `docs/reference/operations.md`. `npm run generate` writes the generated files; a check proves it changes nothing.
 */

import {
  ADVICE,
  ALLOCATE_FLAG,
  OPEN_FLAG,
  POLL_EVENT,
  SOCKET_OPTION,
  type SUBMIT_FLAG,
  TRANSFER_BYTES_MAX,
} from "./record.js";

/** Who touches the memory of the operation's buffer while it is in flight. */
export type BufferUse =
  /** The operation carries no buffer. */
  | "none"
  /** The kernel reads it: it may be lent *shared* to several operations at once. */
  | "kernel-reads"
  /** The kernel writes it: it is lent *exclusively*. */
  | "kernel-writes";

/** Which handles an operation works on. */
export type HandleUse =
  | "none"
  /** The one that its record names. */
  | "one"
  /** The second one too. */
  | "two"
  /** The first, unless its area holds a path instead (`argument0` says so). */
  | "one-or-path"
  /** None, or what an earlier try has begun. */
  | "begun";

/** What an operation finds, or leaves, in its arena area; how long the area must be follows from it (`record-check.ts`). */
export type AreaContent =
  | "none"
  /** A path and a NUL. */
  | "path"
  /** The same; the answer to `open` takes its place. */
  | "opened-path"
  /** The same, or nothing; the answer to `stat` takes its place. */
  | "stat-path"
  /** Two paths, each with a NUL behind it. */
  | "two-paths"
  | "address"
  | "vector"
  | "message"
  /** The answer to `pipe`. */
  | "handles"
  /** The answer to `adopt`. */
  | "adopted";

/** What a completion's `result` means when it is not a negative errno. */
export type ResultMeaning = "zero" | "bytes" | "handle" | "arena" | "events";

export interface OpcodeDefinition {
  /** Permanent number: the wire value in a submission record. */
  readonly number: number;
  /** Permanent name: the key in `capabilities.operations` and the `opcode` of a request. */
  readonly name: string;
  /** What `error.syscall` says. */
  readonly syscall: string;
  readonly buffer: BufferUse;
  readonly handles: HandleUse;
  /**
   * The flags that it can have. Several completions (`multishot`) are had only by what ends nobody's buffer but one that
   * the driver picks, and never in a chain. Cancels have none: they are not waited for. The word of a timeout is the
   * second handle of a splice.
   */
  readonly flags: readonly (keyof typeof SUBMIT_FLAG)[];
  /** It has ended well, for what is chained behind it, only when all the bytes were moved that it asked for. */
  readonly whole?: true;
  /** Default: `"none"`. */
  readonly area?: AreaContent;
  /** The least position that means something. Absent for operations without one. */
  readonly positionMin?: number;
  /** The largest `length` that means something. Absent where every one does. */
  readonly lengthMax?: number;
  /** The largest value of `argument0` that means something; of bits: all of them. Absent where every value does. */
  readonly argument0Max?: number;
  readonly result: ResultMeaning;
  /** May be submitted again after `-EINTR` or `-EAGAIN` without changing what the caller sees. */
  readonly repeatable: boolean;
  /** What `argument0` and `argument1` hold, for the reference page and the driver authors. */
  readonly arguments: string;
  readonly summary: string;
  /** Where the behaviour is specified. */
  readonly source: string;
}

/** Each of the bits of a table. */
const allBits = (bits: Readonly<Record<string, number>>): number =>
  Object.values(bits).reduce((all, bit) => all | bit, 0);

export const opcodeTable = [
  {
    number: 0,
    name: "nop",
    syscall: "nop",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    result: "zero",
    repeatable: true,
    arguments: "",
    summary: "Travels the whole path and does nothing. For measuring and for probing a driver.",
    source: "io_uring_prep_nop(3), Linux 5.1",
  },
  {
    number: 1,
    name: "cancel",
    syscall: "cancel",
    buffer: "none",
    handles: "none",
    flags: [],
    result: "zero",
    repeatable: true,
    arguments: "argument0 = slot of the target, argument1 = generation of the target",
    summary:
      "Asks for the early end of another operation. Its own result is advice only: what happened to the target is what the target's final completion says.",
    source: "io_uring_prep_cancel64(3), Linux 5.5",
  },
  {
    number: 2,
    name: "open",
    syscall: "open",
    buffer: "none",
    handles: "begun",
    flags: ["link", "timeout"],
    area: "opened-path",
    argument0Max: allBits(OPEN_FLAG),
    result: "handle",
    repeatable: true,
    arguments:
      "arena = path bytes and a NUL, length = bytes of the path without it, argument0 = open flag bits, argument1 = mode; handle = what an earlier try has begun (record.ts), −1 in the first. The answer overwrites the start of the arena area: where the handle's own position stands, a signed 64-bit number, low word first; −1 when it cannot seek",
    summary:
      "Opens a file. Every driver sets close-on-exec, and none waits for the other end of a FIFO: it answers -EAGAIN, for reading with the end that is open so far.",
    source: "openat(2), Linux 5.6 as an operation of the ring",
  },
  {
    number: 3,
    name: "close",
    syscall: "close",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    result: "zero",
    repeatable: false,
    arguments: "",
    summary: "Closes a handle. The descriptor goes when the last operation that holds it has ended.",
    source: "close(2); an error is reported once and never retried",
  },
  {
    number: 4,
    name: "read",
    syscall: "read",
    buffer: "kernel-writes",
    handles: "one",
    flags: ["link", "timeout"],
    whole: true,
    positionMin: -1,
    lengthMax: TRANSFER_BYTES_MAX as number,
    result: "bytes",
    repeatable: true,
    arguments: "position -1 = the handle's own position",
    summary: "Reads from a file, at a position or at the handle's own.",
    source: "pread(2) and read(2), Linux 5.6",
  },
  {
    number: 5,
    name: "write",
    syscall: "write",
    buffer: "kernel-reads",
    handles: "one",
    flags: ["link", "timeout"],
    whole: true,
    positionMin: -1,
    lengthMax: TRANSFER_BYTES_MAX as number,
    result: "bytes",
    repeatable: true,
    arguments: "position -1 = the handle's own position",
    summary: "Writes to a file, at a position or at the handle's own. May write less than asked.",
    source: "pwrite(2) and write(2), Linux 5.6",
  },
  {
    number: 6,
    name: "fsync",
    syscall: "fsync",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    result: "zero",
    repeatable: true,
    arguments: "",
    summary: "Flushes data and metadata of a file to its device.",
    source: "fsync(2), Linux 5.1",
  },
  {
    number: 7,
    name: "fdatasync",
    syscall: "fdatasync",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    result: "zero",
    repeatable: true,
    arguments: "",
    summary: "Flushes data of a file, and the metadata needed to read it back.",
    source: "fdatasync(2), Linux 5.1",
  },
  {
    number: 8,
    name: "stat",
    syscall: "stat",
    buffer: "none",
    handles: "one-or-path",
    flags: ["link", "timeout"],
    area: "stat-path",
    argument0Max: 2,
    result: "arena",
    repeatable: true,
    arguments:
      "arena and length as for open; argument0 = 0: of the handle; 1: of the path in the arena; 2: of the path, not following a last link. The answer overwrites the start of the arena area (layout: record.ts)",
    summary: "Reads the metadata of an open file or of a path.",
    source: "statx(2), Linux 5.6",
  },
  {
    number: 9,
    name: "truncate",
    syscall: "ftruncate",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    positionMin: 0,
    result: "zero",
    repeatable: true,
    arguments: "position = the new length in bytes",
    summary: "Sets the length of an open file.",
    source: "ftruncate(2), Linux 6.9 as an operation of the ring",
  },
  {
    number: 10,
    name: "listen",
    syscall: "listen",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "address",
    argument0Max: allBits(SOCKET_OPTION),
    result: "handle",
    repeatable: false,
    arguments:
      "arena = address to bind, overwritten with the address that was bound; argument0 = socket option bits; argument1 = backlog",
    summary: "Makes a listening stream socket: socket, bind and listen in one operation.",
    source: "socket(2), bind(2), listen(2)",
  },
  {
    number: 11,
    name: "accept",
    syscall: "accept",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout", "multishot"],
    argument0Max: allBits(SOCKET_OPTION),
    result: "handle",
    repeatable: true,
    arguments: "argument0 = socket option bits for the new connection",
    summary: "Takes the next connection of a listener. With the multishot flag: every next one, until cancelled.",
    source: "accept4(2), Linux 5.5; multishot: 5.19",
  },
  {
    number: 12,
    name: "connect",
    syscall: "connect",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "address",
    argument0Max: allBits(SOCKET_OPTION),
    result: "handle",
    repeatable: false,
    arguments: "arena = address, argument0 = socket option bits",
    summary: "Makes a stream socket and connects it.",
    source: "socket(2), connect(2), Linux 5.5",
  },
  {
    number: 13,
    name: "receive",
    syscall: "recv",
    buffer: "kernel-writes",
    handles: "one",
    flags: ["link", "timeout", "multishot", "bufferSelect"],
    lengthMax: TRANSFER_BYTES_MAX as number,
    result: "bytes",
    repeatable: true,
    arguments: "argument0 = message flags",
    summary:
      "Receives bytes from a connection; 0 means the peer has ended its side. With the buffer-select flag the driver picks the buffer; with the multishot flag there are several completions.",
    source: "recv(2), Linux 5.6; multishot: 6.0; buffer rings: 5.19",
  },
  {
    number: 14,
    name: "send",
    syscall: "send",
    buffer: "kernel-reads",
    handles: "one",
    flags: ["link", "timeout"],
    lengthMax: TRANSFER_BYTES_MAX as number,
    result: "bytes",
    repeatable: true,
    arguments: "argument0 = message flags",
    summary: "Sends bytes on a connection. May send less than asked. Never raises SIGPIPE.",
    source: "send(2), Linux 5.6",
  },
  {
    number: 15,
    name: "shutdown",
    syscall: "shutdown",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    argument0Max: 2,
    result: "zero",
    repeatable: true,
    arguments: "argument0 = 0: receiving side, 1: sending side, 2: both",
    summary: "Ends one or both directions of a connection.",
    source: "shutdown(2), Linux 5.11 as an operation of the ring",
  },
  {
    number: 16,
    name: "timer",
    syscall: "timer",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    positionMin: 0,
    result: "zero",
    repeatable: true,
    arguments: "position = delay in microseconds",
    summary: "Completes with 0 when the delay has passed, measured by a monotonic clock.",
    source: "io_uring_prep_timeout(3), Linux 5.4",
  },
  {
    number: 17,
    name: "address",
    syscall: "getsockname",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    area: "address",
    argument0Max: 1,
    result: "arena",
    repeatable: true,
    arguments: "argument0 = 0: own address, 1: the peer's",
    summary: "Tells an end's address of a socket.",
    source: "getsockname(2), getpeername(2)",
  },
  {
    number: 18,
    name: "readv",
    syscall: "readv",
    buffer: "kernel-writes",
    handles: "one",
    flags: ["link", "timeout"],
    whole: true,
    area: "vector",
    positionMin: -1,
    result: "bytes",
    repeatable: true,
    arguments: "arena = vectorCount entries of a vector (layout: record.ts); position -1 = the handle's own position",
    summary: "Reads from a file into several buffers, one after the other.",
    source: "preadv2(2), Linux 5.1",
  },
  {
    number: 19,
    name: "writev",
    syscall: "writev",
    buffer: "kernel-reads",
    handles: "one",
    flags: ["link", "timeout"],
    whole: true,
    area: "vector",
    positionMin: -1,
    result: "bytes",
    repeatable: true,
    arguments: "arena = vectorCount entries of a vector (layout: record.ts); position -1 = the handle's own position",
    summary: "Writes several buffers to a file, one after the other. May write less than asked.",
    source: "pwritev2(2), Linux 5.1",
  },
  {
    number: 20,
    name: "receiveMessage",
    syscall: "recvmsg",
    buffer: "kernel-writes",
    handles: "one",
    flags: ["link", "timeout"],
    area: "message",
    result: "bytes",
    repeatable: true,
    arguments:
      "arena = a message (layout: record.ts); the sender's address and the message's flags are written to it. vectorCount entries of a vector follow",
    summary: "Receives one datagram and who sent it.",
    source: "recvmsg(2), Linux 5.3",
  },
  {
    number: 21,
    name: "sendMessage",
    syscall: "sendmsg",
    buffer: "kernel-reads",
    handles: "one",
    flags: ["link", "timeout"],
    area: "message",
    result: "bytes",
    repeatable: true,
    arguments:
      "arena = a message with the receiver's address (layout: record.ts), then vectorCount entries of a vector",
    summary:
      "Sends one datagram to an address; on a connection, with no address, what stands in the vector, or some of it. Never raises SIGPIPE.",
    source: "sendmsg(2), Linux 5.3",
  },
  {
    number: 22,
    name: "datagram",
    syscall: "bind",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "address",
    argument0Max: allBits(SOCKET_OPTION),
    result: "handle",
    repeatable: false,
    arguments: "arena = address to bind, overwritten with the address that was bound; argument0 = socket option bits",
    summary: "Makes a datagram socket: socket and bind in one operation.",
    source: "socket(2), bind(2)",
  },
  {
    number: 23,
    name: "splice",
    syscall: "splice",
    buffer: "none",
    handles: "two",
    flags: ["link"],
    positionMin: -1,
    result: "bytes",
    repeatable: true,
    arguments:
      "handle = from, second handle = to, one of them a pipe; position = offset in the first, argument0 and argument1 = offset in the second, a signed 64-bit number, low word first; -1 = the handle's own position, and always for pipes and sockets",
    summary: "Moves up to length bytes between two handles without bringing them into the program; 0 means the end.",
    source: "splice(2), Linux 5.7 as an operation of the ring",
  },
  {
    number: 24,
    name: "pipe",
    syscall: "pipe",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "handles",
    result: "arena",
    repeatable: false,
    arguments:
      "length = capacity wanted in bytes, 0 = the system's default; the answer is two handles, reading end first (layout: record.ts)",
    summary:
      "Makes a pipe, as the two ends between two splices. A capacity beyond the system's limit becomes the limit.",
    source: "pipe2(2), fcntl(2) F_SETPIPE_SZ",
  },
  {
    number: 25,
    name: "allocate",
    syscall: "fallocate",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    positionMin: 0,
    lengthMax: allBits(ALLOCATE_FLAG),
    result: "zero",
    repeatable: true,
    arguments:
      "length = allocation mode bits, position = start, argument0 and argument1 = bytes, a signed 64-bit number, low word first",
    summary: "Reserves, zeroes or gives back space of a file.",
    source: "fallocate(2), Linux 5.6 as an operation of the ring",
  },
  {
    number: 26,
    name: "advise",
    syscall: "posix_fadvise",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    positionMin: 0,
    lengthMax: Math.max(...Object.values(ADVICE)),
    result: "zero",
    repeatable: true,
    arguments:
      "length = advice, position = start, argument0 and argument1 = bytes, a signed 64-bit number, low word first; 0 bytes = to the end",
    summary: "Tells how a range of a file is going to be used.",
    source: "posix_fadvise(2), Linux 5.6 as an operation of the ring",
  },
  {
    number: 27,
    name: "unlink",
    syscall: "unlink",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "path",
    argument0Max: 1,
    result: "zero",
    repeatable: false,
    arguments: "arena and length as for open; argument0 = 1: a directory, which must be empty",
    summary: "Removes a name.",
    source: "unlinkat(2), Linux 5.11 as an operation of the ring",
  },
  {
    number: 28,
    name: "rename",
    syscall: "rename",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "two-paths",
    argument0Max: 1,
    result: "zero",
    repeatable: false,
    arguments:
      "arena = two paths, each with a NUL behind it; length and argument1 = bytes of the first and the second without it; argument0 = 1: fail with EEXIST rather than replace",
    summary: "Gives a file or directory another name.",
    source: "renameat2(2), Linux 5.11 as an operation of the ring",
  },
  {
    number: 29,
    name: "mkdir",
    syscall: "mkdir",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "path",
    result: "zero",
    repeatable: false,
    arguments: "arena and length as for open; argument1 = mode",
    summary: "Makes a directory.",
    source: "mkdirat(2), Linux 5.15 as an operation of the ring",
  },
  {
    number: 30,
    name: "hardlink",
    syscall: "link",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "two-paths",
    result: "zero",
    repeatable: false,
    arguments: "arena, length and argument1 as for rename: the file, then its new name",
    summary: "Gives a file one more name.",
    source: "linkat(2), Linux 5.15 as an operation of the ring",
  },
  {
    number: 31,
    name: "symlink",
    syscall: "symlink",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "two-paths",
    result: "zero",
    repeatable: false,
    arguments: "arena, length and argument1 as for rename: what the link says, then the link's path",
    summary: "Makes a symbolic link.",
    source: "symlinkat(2), Linux 5.15 as an operation of the ring",
  },
  {
    number: 32,
    name: "poll",
    syscall: "poll",
    buffer: "none",
    handles: "one",
    flags: ["link", "timeout"],
    argument0Max: allBits(POLL_EVENT),
    result: "events",
    repeatable: true,
    arguments: "argument0 = event bits to wait for (record.ts)",
    summary: "Waits until a socket is ready, without moving a byte. The result is the bits that are.",
    source: "io_uring_prep_poll_add(3), Linux 5.1",
  },
  {
    number: 33,
    name: "adopt",
    syscall: "adopt",
    buffer: "none",
    handles: "none",
    flags: ["link", "timeout"],
    area: "adopted",
    result: "handle",
    repeatable: false,
    arguments:
      "argument0 = the descriptor, argument1 = what it is to be used as (`ADOPT_KIND`). The answer is written to the arena area (layout: record.ts)",
    summary:
      "Makes a handle of a descriptor that the program has. One that is refused is as it was: -EBADF, -EBUSY when a handle of the session has it, -ENOTSOCK, -EINVAL for another kind of use, -EPROTOTYPE for a socket that is no stream, -ENOTSUP.",
    source: "fstat(2), getsockname(2), fcntl(2) F_SETFL",
  },
] as const;

// Every row has the fields of a definition; the constant keeps names and numbers as literal types.
opcodeTable satisfies readonly OpcodeDefinition[];

/** The name of an operation, as in `capabilities.operations` and in a request's `opcode`. */
export type OpcodeName = (typeof opcodeTable)[number]["name"];

/** The number of an operation, as in a submission record. */
export type Opcode = (typeof opcodeTable)[number]["number"];

/** Numbers by name: `OPCODE.read` is what the record of a read holds. */
export const OPCODE: {
  readonly [Name in OpcodeName]: Extract<(typeof opcodeTable)[number], { name: Name }>["number"];
} = Object.freeze(Object.fromEntries(opcodeTable.map((row) => [row.name, row.number]))) as never;

/** The row of an operation by its number. */
export function opcodeDefinition(opcode: Opcode): OpcodeDefinition {
  return opcodeTable[opcode];
}

/** Names in the order of their numbers. */
export const opcodeNames: readonly OpcodeName[] = Object.freeze(opcodeTable.map((row) => row.name));
