/**
 * The one table of operations. Everything that must agree on an operation is made from it: the numbers and
 * names here, the C++ header both native drivers include, the rows of `capabilities`, and the reference page
 * `docs/reference/operations.md`. `npm run generate` writes the generated files; a check proves it changes nothing.
 */

import { opcodeTable } from "./opcode-table.js";
import type { SUBMIT_FLAG } from "./record.js";

export { opcodeTable };

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

/** What an operation is about, where drivers do all that is about the same in one way. */
export type Family =
  /** Names in a file system: one call, on nothing that is open. */
  | "path"
  /** A file: with a disk, it never waits for somebody else. */
  | "file";

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

/**
 * An operation that is one call without a buffer, as the native drivers do it. In C++, for the generator: `first` and
 * `second` are its paths, `fd` is its descriptor.
 */
export interface NativeCall {
  readonly call: string;
  /** Its entry of the ring, and how that is filled. */
  readonly entry: string;
  readonly fill: string;
  /** The feature whose mask takes it off the ring. */
  readonly mask?: string;
}

export interface OpcodeDefinition {
  /** Permanent number: the wire value in a submission record. */
  readonly number: number;
  /** Permanent name: the key in `capabilities.operations` and the `opcode` of a request. */
  readonly name: string;
  /** What `error.syscall` says. */
  readonly syscall: string;
  readonly family?: Family;
  readonly buffer: BufferUse;
  readonly handles: HandleUse;
  /**
   * The flags that it can have. `multishot` is only for operations whose buffers the driver takes, and never in a
   * chain. Cancels have none: they are not waited for. The word of a timeout is the second handle of a splice.
   */
  readonly flags: readonly (keyof typeof SUBMIT_FLAG)[];
  /** A driver with links can have it in a chain: it is one submission, which waits for nothing in core. */
  readonly linkable?: true;
  /** It has ended well, for what is chained behind it, only when all the bytes were moved that it asked for. */
  readonly whole?: true;
  /** Default: `"none"`. */
  readonly area?: AreaContent;
  /** The least position that means something. Absent for operations without one. */
  readonly positionMin?: number;
  /** The largest `length` that means something. Absent where every one does. */
  readonly lengthMax?: number;
  /** The largest mode that means something; of bits: all of them. Absent for operations without one. */
  readonly modeMax?: number;
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
  /** The Linux that brought its entry of the ring, where that is a fact of its own. */
  readonly ringSince?: string;
  /** Who makes the call that `source` names where the ring has no entry for it: the caller, or a thread of the driver's. */
  readonly beside?: "caller" | "thread";
  readonly native?: NativeCall;
}

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
