/**
 * The layout of everything that core and a driver share as memory. The same figures stand in the generated
 * C++ header, which proves them with `static_assert`. Nobody else adds offsets.
 *
 * A *submission record* (64 bytes, 16 words of 32 bits) belongs to a slot of the operation table and stays valid
 * and unchanged from submission to final completion, so a driver may keep pointing at it instead of copying it.
 * A *completion record* (16 bytes, 4 words) is valid only during the sink call that announces it.
 */

/** Words (int32) of a submission record; slot `s` starts at word `s << SUBMISSION_SHIFT`. */
export const SUBMISSION_SHIFT = 4;
export const SUBMISSION_WORDS = 16;
export const SUBMISSION_BYTES = 64;

/** Words (int32) of a completion record; record `i` starts at word `i << COMPLETION_SHIFT`. */
export const COMPLETION_SHIFT = 2;
export const COMPLETION_WORDS = 4;
export const COMPLETION_BYTES = 16;

/**
 * Most bytes that one submission moves: what the kernel moves in one call (MAX_RW_COUNT), and what fits a result. Core
 * asks for no more at once and goes on where an operation has to move all its bytes.
 */
export const TRANSFER_BYTES_MAX = 0x7ffff000;

/** The longest buffer: its length, and where a part of it starts, are unsigned words of 32 bits. */
export const BUFFER_BYTES_MAX: number = 2 ** 32 - 1;

/** Word numbers in a submission record. */
export const WORD = {
  /** Low 8 bits: opcode. High 24 bits: `SUBMIT_FLAG` bits. */
  operation: 0,
  /** Generation of the slot: makes the operation's identity unique. */
  generation: 1,
  handleIndex: 2,
  handleGeneration: 3,
  /** Number of the buffer, −1 for none. */
  buffer: 4,
  /** Where in the buffer the lent part starts, bytes, unsigned. */
  bufferOffset: 5,
  /** Length of the lent part, bytes, up to `TRANSFER_BYTES_MAX`. */
  length: 6,
  /** Where in the arena the area of this operation starts, bytes; −1 for none. */
  arenaOffset: 7,
  arenaLength: 8,
  /** File position, length, or microseconds: a signed 64-bit number, low word first. */
  positionLow: 9,
  positionHigh: 10,
  argument0: 11,
  argument1: 12,
  secondHandleIndex: 13,
  secondHandleGeneration: 14,
  /** Entries of the vector of a vectored or message operation; otherwise 0. */
  vectorCount: 15,
} as const;

/**
 * With `SUBMIT_FLAG.timeout`, this word of the record holds the microseconds (unsigned) after which the driver cancels
 * the operation by itself. It stands where a second handle would, so a splice has no such timeout.
 */
export const TIMEOUT_US_WORD: number = WORD.secondHandleIndex;

/**
 * Which of its ways an operation takes that has several: the bits of `ALLOCATE_FLAG`, one of `ADVICE`. It stands where a
 * part of a buffer would start, so an operation with a buffer has none.
 */
export const MODE_WORD: number = WORD.bufferOffset;

/**
 * Flag bits of a submission record, already shifted behind the opcode. Which of them an operation can have, the table of
 * operations says; with any other it is refused.
 */
export const SUBMIT_FLAG = {
  /** Several completions: all but the last carry `COMPLETION_FLAG.more`. */
  multishot: 0x100,
  /** The driver takes the buffer from those it was provided with. */
  providedBuffer: 0x200,
  /**
   * The next submission of the batch starts only after this one has ended well: with a result of 0 or more, and for
   * read, write, readv, writev and send with all the bytes that were asked for. Otherwise everything that is chained behind
   * it completes with `-ECANCELED`. A driver takes a chain whole or stops before it.
   */
  link: 0x400,
  /** The driver cancels the operation after the microseconds in `TIMEOUT_US_WORD`. */
  timeout: 0x800,
} as const;

/** The largest position in a file, in bytes, and the longest delay, in microseconds. */
export const POSITION_MAX: number = Number.MAX_SAFE_INTEGER;

/** Word numbers in a completion record. */
export const COMPLETION_WORD = {
  slot: 0,
  generation: 1,
  /** Bytes, handle index or 0; negative: an errno (see `errno.ts`). */
  result: 2,
  /** Low 8 bits: `COMPLETION_FLAG` bits. High 24 bits: the auxiliary number. */
  flags: 3,
} as const;

/** Flag bits of a completion record. */
export const COMPLETION_FLAG = {
  /** Not the final completion of this operation. */
  more: 1,
  /** The auxiliary number is the number of the buffer that the driver took. */
  providedBuffer: 2,
  /** The driver has canceled it because its time was up (`SUBMIT_FLAG.timeout`). */
  timedOut: 4,
  /**
   * Beside `-EAGAIN`: what the operation has begun is kept under a handle, which stands at the start of its arena area
   * (`BEGUN_WORD`). The repetition names it in its record and goes on from there; when there is none, core closes it.
   */
  begun: 8,
} as const;

/** How far the auxiliary number (buffer number, or handle generation) is shifted in the flags word. */
export const AUXILIARY_SHIFT = 8;
/** Largest auxiliary number: 24 bits. */
export const AUXILIARY_MAX = 0xff_ff_ff;

/** Words (int32) of the control block, written by the driver unless it says otherwise. */
export const CONTROL = {
  /** Completion records that the last `submit` call left in `completions`. */
  completionCount: 0,
  /** Non-zero: the driver has more completions ready than fitted; core calls `submit(0)` for them. */
  completionsWaiting: 1,
  /** Written by core: buffer numbers in `provided` for the driver to take over at the next `submit`. */
  providedCount: 2,
  /**
   * Written by core: the length of each of those buffers, bytes, 0 for all of it; what lies behind must not be touched.
   */
  providedBytes: 3,
  /**
   * Counted by the driver: submissions that name no free slot, and provided numbers that name no buffer to be filled.
   * There is nobody to answer, so they are passed over.
   */
  passedOver: 4,
} as const;
export const CONTROL_WORDS = 16;

/** Slots are numbered with 20 bits, so an operation's id is `generation * 2**20 + slot`, below 2**53. */
export const SLOT_BITS = 20;
/** Most operations a backend can ever have in flight. */
export const SLOT_COUNT_MAX: number = 2 ** SLOT_BITS;
/** Generations run from 1 to this and then start again. */
export const GENERATION_MAX: number = 2 ** 31 - 1;

/** The public id of an operation. */
export function operationId(slot: number, generation: number): number {
  return generation * SLOT_COUNT_MAX + slot;
}

/**
 * Layout of the answer to `stat`, at the start of the operation's arena area: 64-bit signed numbers, low word
 * first, `STAT_WORDS` words in all. A time is whole seconds since 1970, negative before, and the nanoseconds behind them,
 * 0 to 999,999,999: nanoseconds alone would end in the year 2262.
 */
export const STAT_FIELD = {
  device: 0,
  inode: 1,
  mode: 2,
  links: 3,
  userId: 4,
  groupId: 5,
  deviceType: 6,
  sizeBytes: 7,
  blockBytes: 8,
  blocks512: 9,
  accessedSeconds: 10,
  modifiedSeconds: 11,
  changedSeconds: 12,
  createdSeconds: 13,
  accessedNanoseconds: 14,
  modifiedNanoseconds: 15,
  changedNanoseconds: 16,
  createdNanoseconds: 17,
} as const;
export const STAT_WORDS = 36;
export const STAT_BYTES = 144;

/**
 * The answer to `open`, at the start of the operation's arena area: where the handle's own position stands, a signed
 * 64-bit number, low word first; −1 for what cannot seek. Source: lseek(2).
 */
export const OPEN_ANSWER_BYTES = 8;

/**
 * Layout of an address in the arena: three words and then its bytes. Internet addresses are in network byte
 * order (4 or 16 bytes); a Unix-domain path is its bytes, without a terminating NUL.
 */
export const ADDRESS_WORD = {
  /** `ADDRESS_FAMILY`. */
  family: 0,
  /** Port, or the length of the path in bytes. */
  portOrLength: 1,
  /** IPv6 scope id, else 0. */
  scope: 2,
} as const;
export const ADDRESS_BYTES_AT = 12;
/** Room for the longest address: a Unix-domain path of 108 bytes. */
export const ADDRESS_BYTES = 128;
export const ADDRESS_FAMILY = { none: 0, ipv4: 4, ipv6: 6, unix: 1 } as const;

/** Socket option bits of listen, accept and connect. */
export const SOCKET_OPTION = {
  noDelay: 1,
  keepAlive: 2,
  reusePort: 4,
  ipv6Only: 8,
  /** Datagram sockets: may send to broadcast addresses. */
  broadcast: 16,
} as const;

/**
 * An entry of a vector in the arena: three words. Vectored operations hold `WORD.vectorCount` of them from the start
 * of their area, message operations behind their message.
 */
export const VECTOR_WORD = {
  /** Number of the buffer. */
  buffer: 0,
  /** Where in the buffer its part starts, bytes, unsigned. */
  offset: 1,
  /** Length of the part, bytes, unsigned. All parts together have at most `TRANSFER_BYTES_MAX`. */
  length: 2,
} as const;
export const VECTOR_ENTRY_BYTES = 12;
/** Most entries of a vector: IOV_MAX of Linux. */
export const VECTOR_MAX = 1024;

/** Layout of a message in the arena: an address, one word of flags, and from `MESSAGE_VECTOR_AT` on its vector. */
export const MESSAGE_FLAGS_AT = 128;
export const MESSAGE_VECTOR_AT = 132;
/** What the driver says of a received message. */
export const MESSAGE_FLAG = {
  /** The datagram was longer than the buffers; the rest of it is gone. */
  truncated: 1,
} as const;

/** The answer to `pipe` in the arena: handle index and generation of the reading end, then of the writing end. */
export const PIPE_WORD = { readIndex: 0, readGeneration: 1, writeIndex: 2, writeGeneration: 3 } as const;
export const PIPE_BYTES = 16;

/** The handle that stands for what an operation has begun, in its arena area: see `COMPLETION_FLAG.begun`. */
export const BEGUN_WORD = { index: 0, generation: 1 } as const;
export const BEGUN_BYTES = 8;

/** What `adopt` is to use a descriptor as: its `argument1`. */
export const ADOPT_KIND = { file: 0, stream: 1, listener: 2 } as const;

/**
 * The answer to `adopt` in its arena area: as that to `open` where the own position stands (file), a word of
 * `ADOPT_FLAG` bits (file), and its own address (stream and listener).
 */
export const ADOPT_ANSWER = { positionAt: 0, flagsAt: 8, addressAt: 16 } as const;
export const ADOPT_ANSWER_BYTES = 144;
export const ADOPT_FLAG = {
  /** Writes go to the end. */
  appends: 1,
} as const;

/** Allocation mode bits of `allocate`; none: reserve, and grow the file where the range ends beyond it. */
export const ALLOCATE_FLAG = {
  /** The file's length stays. */
  keepSize: 1,
  /** Gives the space back; reads as zero from then on. The length stays. */
  punchHole: 2,
  /** Reads as zero from then on; the space stays reserved. */
  zeroRange: 4,
} as const;

/** What `advise` can say. */
export const ADVICE = { normal: 0, random: 1, sequential: 2, willNeed: 3, dontNeed: 4, noReuse: 5 } as const;

/** Event bits of `poll`, in its argument and its result. An error or a hang-up is told whatever was asked for. */
export const POLL_EVENT = { readable: 1, writable: 2, error: 4, hangUp: 8 } as const;

/** Open flag bits: what `open` finds in `argument0`. Each driver maps them to its system's values. */
export const OPEN_FLAG = {
  read: 1,
  write: 2,
  create: 4,
  exclusive: 8,
  truncate: 16,
  append: 32,
  /** Past the page cache: buffer, position and length must be aligned. */
  direct: 64,
  /** Every write returns when its data is on the device. */
  dataSync: 128,
  /** … and its metadata. */
  sync: 256,
  /** Does not wait for the other end of a FIFO: `-ENXIO` where that is needed for writing. */
  nonBlock: 512,
  /** `-ELOOP` when the path ends in a symbolic link. */
  noFollow: 1024,
  /** `-ENOTDIR` for anything else. */
  directory: 2048,
  /** A file without a name, in the directory that the path names. */
  temporary: 4096,
  /** Only a place in the tree: nothing can be read or written through it. */
  pathOnly: 8192,
  /** Reading does not change when it was last read. */
  noAccessTime: 16_384,
} as const;
