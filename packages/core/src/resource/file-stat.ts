/** What `stat` answers, in the words of `fs.Stats`. */
import type { Arena } from "../memory/arena.js";
import { STAT_FIELD } from "../spi/record.js";

/** Metadata of a file. Times are milliseconds since 1970, with fractions, negative before; `*Ns` are exact. */
export interface FileStat {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Bytes. */
  readonly size: number;
  readonly blksize: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

/** File type bits of a mode. Source: inode(7). */
const TYPE_MASK = 0o170000;
const TYPE = {
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
} as const;

const NS_PER_SECOND = 1_000_000_000n;

function milliseconds(ns: bigint): number {
  return Number(ns / 1000n) / 1000;
}

export function decodeFileStat(arena: Arena, offset: number): FileStat {
  const field = (index: number) => arena.int64(offset, index);
  const number = (index: number) => Number(field(index));
  const mode = number(STAT_FIELD.mode);
  const is = (type: number) => (mode & TYPE_MASK) === type;
  const time = (name: "accessed" | "modified" | "changed" | "created") =>
    field(STAT_FIELD[`${name}Seconds`]) * NS_PER_SECOND + field(STAT_FIELD[`${name}Nanoseconds`]);
  const atimeNs = time("accessed");
  const mtimeNs = time("modified");
  const ctimeNs = time("changed");
  const birthtimeNs = time("created");
  return {
    dev: number(STAT_FIELD.device),
    ino: number(STAT_FIELD.inode),
    mode,
    nlink: number(STAT_FIELD.links),
    uid: number(STAT_FIELD.userId),
    gid: number(STAT_FIELD.groupId),
    rdev: number(STAT_FIELD.deviceType),
    size: number(STAT_FIELD.sizeBytes),
    blksize: number(STAT_FIELD.blockBytes),
    blocks: number(STAT_FIELD.blocks512),
    atimeMs: milliseconds(atimeNs),
    mtimeMs: milliseconds(mtimeNs),
    ctimeMs: milliseconds(ctimeNs),
    birthtimeMs: milliseconds(birthtimeNs),
    atimeNs,
    mtimeNs,
    ctimeNs,
    birthtimeNs,
    isFile: () => is(TYPE.file),
    isDirectory: () => is(TYPE.directory),
    isSymbolicLink: () => is(TYPE.link),
    isFIFO: () => is(TYPE.fifo),
    isSocket: () => is(TYPE.socket),
    isBlockDevice: () => is(TYPE.blockDevice),
    isCharacterDevice: () => is(TYPE.characterDevice),
  };
}
