/** Opening files. */
import type { Dispatcher, OperationOptions } from "../dispatcher.js";
import { defineKind } from "../operation-kind.js";
import type { Entry } from "../operation-table.js";
import { AUXILIARY_SHIFT, OPEN_FLAG, WORD } from "../record.js";
import { ResourceState } from "../resource-state.js";
import type { ResourceTracker } from "../resource-tracker.js";
import { checkBoolean, checkInteger, checkOptions, encodePath } from "../validate.js";
import { closeHandle, closeResource } from "./closing.js";
import { File } from "./file.js";
import { attachPath, displayPath } from "./file-operations.js";
import { type OpenFlags, parseOpenFlags } from "./open-flags.js";
import { operationOptionNames } from "./transfer.js";

export interface OpenOptions extends OperationOptions {
  /** Permission bits of a file that is created; default 0o666, less the process's umask. */
  readonly mode?: number;
  /** Past the page cache (O_DIRECT): buffers of the pool are aligned for it; positions and lengths must be too. */
  readonly direct?: boolean;
}

const openOptionNames = { mode: true, direct: true, ...operationOptionNames } as const;

interface OpenSubject {
  readonly path: string;
  readonly tracker: ResourceTracker;
  readonly dispatcher: Dispatcher;
}

const openKind = defineKind("open", {
  finish: (entry, result, flags): File => {
    const { path, tracker, dispatcher } = entry.subject as OpenSubject;
    const state = new ResourceState("file", path, result, flags >>> AUXILIARY_SHIFT);
    const file = new File({
      dispatcher,
      state,
      readLane: dispatcher.createLane(),
      writeLane: dispatcher.createLane(),
    });
    tracker.track(file, { state, close: () => closeResource(dispatcher, state, "await") });
    return file;
  },
  salvage: (entry, result, flags) => {
    closeHandle((entry.subject as OpenSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);
  },
  details: (entry) => ({ path: (entry.subject as OpenSubject).path }),
});

export function prepareOpen(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  path: string | Uint8Array,
  flags: OpenFlags,
  options: OpenOptions,
): Entry {
  const where = "openFile";
  const bytes = encodePath(where, path);
  let bits: number = parseOpenFlags(where, flags);
  checkOptions(where, options, openOptionNames);
  const mode = options.mode === undefined ? 0o666 : checkInteger(where, "mode", options.mode, 0, 0o7777);
  if (options.direct !== undefined && checkBoolean(where, "direct", options.direct)) {
    dispatcher.expectFeature(where, "directIo");
    bits |= OPEN_FLAG.direct;
  }
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.begin(openKind, undefined);
  entry.subject = { path: displayPath(path), tracker, dispatcher } satisfies OpenSubject;
  dispatcher.records[entry.base + WORD.argument0] = bits;
  dispatcher.records[entry.base + WORD.argument1] = mode;
  attachPath(dispatcher, entry, bytes, 0);
  dispatcher.canceler.attach(entry, early);
  return entry;
}
