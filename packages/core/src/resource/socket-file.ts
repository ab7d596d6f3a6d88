/**
 * The file that listening at a path makes, and its removal. Somebody else may have put another in its place meanwhile,
 * a successor for one that took over: that one is left alone. The inode of a socket's file is not used again while the
 * socket is open, so it is compared before the listener closes.
 */
import type { Dispatcher } from "../operation/dispatcher.js";
import { defineKind } from "../operation/operation-kind.js";
import { STAT_BYTES, STAT_FIELD, WORD } from "../spi/record.js";
import { attachPath, STAT_HOW } from "./file-operations.js";
import { ownUnlinkKind } from "./path-operations.js";

/** A file and the inode that it was made with. */
export interface SocketFile {
  readonly path: Uint8Array;
  /** `undefined` where it could not be found out: then the path alone counts. */
  inode: string | undefined;
}

/** Answers which inode a path leads to, without following it. */
const inodeKind = defineKind("stat", {
  finish: (entry): string => {
    const { arena, records } = entry.subject as Dispatcher;
    const offset = records[entry.base + WORD.arenaOffset]!;
    return `${arena.int64(offset, STAT_FIELD.device)}:${arena.int64(offset, STAT_FIELD.inode)}`;
  },
});

/** Notes which file it is. To be called as soon as it is there. */
export async function identify(dispatcher: Dispatcher, file: SocketFile): Promise<void> {
  file.inode = await inodeOf(dispatcher, file.path);
}

/**
 * Removes the file of a listener, whether or not the backend takes new operations. That it is gone already, or cannot
 * be removed, changes nothing for the listener.
 */
export async function removeSocketFile(dispatcher: Dispatcher, { path, inode }: SocketFile): Promise<void> {
  if (dispatcher.capabilities.operations[ownUnlinkKind.name].kind === "unsupported") return;
  if (inode !== undefined && (await inodeOf(dispatcher, path)) !== inode) return;
  await runOnPath(dispatcher, ownUnlinkKind, path, 0);
}

async function inodeOf(dispatcher: Dispatcher, path: Uint8Array): Promise<string | undefined> {
  if (dispatcher.capabilities.operations.stat.kind === "unsupported") return undefined;
  return runOnPath<string>(dispatcher, inodeKind, path, STAT_HOW.link, STAT_BYTES);
}

/** Runs an operation of core's own on a path, out of the reserve; `undefined` when it fails or the driver has ended. */
async function runOnPath<T>(
  dispatcher: Dispatcher,
  kind: ReturnType<typeof defineKind>,
  path: Uint8Array,
  argument: number,
  answerBytes = 0,
): Promise<T | undefined> {
  for (;;) {
    if (dispatcher.endings.ended) return undefined;
    const entry = dispatcher.requests.beginReserved(kind);
    if (entry !== undefined) {
      entry.subject = dispatcher;
      dispatcher.records[entry.base + WORD.argument0] = argument;
      attachPath(dispatcher, entry, path, answerBytes);
      dispatcher.counters.submitted++;
      return dispatcher.start<T>(entry).catch(() => undefined);
    }
    await new Promise<void>((resolve) => dispatcher.clock.turn(resolve));
  }
}
