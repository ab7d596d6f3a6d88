/** What `stat` answers, in the words of `fs.Stats`. */
import type { Arena } from "../arena.js";
import { STAT_FIELD } from "../record.js";

/** Metadata of a file. Times are milliseconds since 1970, with fractions; `*Ns` are exact. */
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

export function decodeFileStat(arena: Arena, offset: number): FileStat {
  const field = (index: number) => arena.int64(offset, index);
  const number = (index: number) => Number(field(index));
  const mode = number(STAT_FIELD.mode);
  const is = (type: number) => (mode & TYPE_MASK) === type;
  const milliseconds = (index: number) => Number(field(index) / 1000n) / 1000;
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
    atimeMs: milliseconds(STAT_FIELD.accessedNs),
    mtimeMs: milliseconds(STAT_FIELD.modifiedNs),
    ctimeMs: milliseconds(STAT_FIELD.changedNs),
    birthtimeMs: milliseconds(STAT_FIELD.createdNs),
    atimeNs: field(STAT_FIELD.accessedNs),
    mtimeNs: field(STAT_FIELD.modifiedNs),
    ctimeNs: field(STAT_FIELD.changedNs),
    birthtimeNs: field(STAT_FIELD.createdNs),
    isFile: () => is(TYPE.file),
    isDirectory: () => is(TYPE.directory),
    isSymbolicLink: () => is(TYPE.link),
    isFIFO: () => is(TYPE.fifo),
    isSocket: () => is(TYPE.socket),
    isBlockDevice: () => is(TYPE.blockDevice),
    isCharacterDevice: () => is(TYPE.characterDevice),
  };
}
