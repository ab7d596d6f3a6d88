/** The file that users hold, made of an open handle. */
import type { Dispatcher } from "../operation/dispatcher.js";
import { OwnPosition } from "../operation/own-position.js";
import { ResourceHandle, ResourceState } from "../operation/resource-state.js";
import { beginAtLast, closingBy } from "./closing.js";
import { File } from "./file.js";
import { askOfHandle, statKind } from "./file-operations.js";
import type { FileStat } from "./file-stat.js";
import type { ResourceTracker } from "./resource-tracker.js";

/** An open handle, and what the driver and whoever opened it know of it. */
export interface OpenHandle {
  readonly index: number;
  readonly generation: number;
  /** The path it was opened with, or what it is called instead. */
  readonly label: string;
  /** Where its own position stands, bytes; −1 for what cannot seek. */
  readonly position: number;
  /** Writes go to the end. */
  readonly appends: boolean;
}

export function createFile(dispatcher: Dispatcher, tracker: ResourceTracker, handle: OpenHandle): File {
  const state = new ResourceState(new ResourceHandle("file", handle.label, handle.index, handle.generation));
  // It refers to its backend, which must not be dropped: an operation that waits for others, as at a FIFO, may never
  // end by itself.
  tracker.track(state, closingBy(dispatcher, tracker, handle.position < 0 ? "cancel" : "await"));
  const position = handle.position < 0 ? undefined : createPosition(dispatcher, state, handle);
  const readLane = dispatcher.createLane();
  const writeLane = position === undefined ? dispatcher.createLane() : readLane;
  return new File({ dispatcher, state, position, readLane, writeLane });
}

function createPosition(dispatcher: Dispatcher, state: ResourceState, { position, appends }: OpenHandle): OwnPosition {
  return appends ? new OwnPosition(position, () => findEnd(dispatcher, state)) : new OwnPosition(position);
}

/** Where an open file ends, bytes; also while it closes, for those that wait for the answer. */
async function findEnd(dispatcher: Dispatcher, state: ResourceState): Promise<number> {
  const entry = await beginAtLast(dispatcher, statKind, state);
  askOfHandle(dispatcher, entry, state);
  return (await dispatcher.start<FileStat>(entry)).size;
}
