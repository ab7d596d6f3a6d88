/** What a lane needs of others: of whoever sends its operations on their way, and of what keeps bytes or messages for it. */
import type { Entry, OperationLane } from "./entry.js";

/** What a lane needs of the dispatcher. */
export interface LaneHost {
  /** Sends a held operation on its way: its turn has come. */
  launchInTurn(entry: Entry): void;
  /** Ends a held operation with a result made here. */
  settleLocally(entry: Entry, result: number): void;
  /**
   * The memory of an operation's buffers, one after the other, while core may touch it: the driver does not have it.
   */
  memoryOf(entry: Entry): readonly Uint8Array[];
  /** Ends a held operation that has no buffer yet with these bytes, in a new one. */
  settleWithBytes(entry: Entry, bytes: Uint8Array): void;
  /**
   * Called when a lane is free and more than one operation waits, of which `first` is the next: sends those that can go
   * together on their way as one. Answers the operation that stands for all that it has taken out of the lane, or
   * `undefined` when the first goes alone.
   */
  join(lane: OperationLane, first: Entry): Entry | undefined;
}

/** What waits for the next operation. */
export interface Kept {
  /** Unlike bytes they are neither cut nor joined, and one of no bytes is a message all the same. */
  readonly ofMessages: boolean;
  /** There is something. */
  readonly waiting: boolean;
  /** Ends an operation with the first of it. */
  serve(entry: Entry, host: LaneHost): void;
}
