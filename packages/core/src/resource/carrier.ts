import type { EarlyEnd } from "../operation/cancel.js";

/** One way to carry bytes from a source to a sink. */
export interface Carrier {
  /** Bytes that arrived at the sink. */
  readonly arrived: number;
  /** Takes up to `bytes` from the source; 0 at its end. Ended early by `early`. */
  pull(bytes: number, early: EarlyEnd): Promise<number>;
  /** Hands everything that was taken to the sink. */
  push(early: EarlyEnd): Promise<void>;
  /** The transfer has failed: what is in hand goes where it has to go. */
  settle(): Promise<void>;
  close(): void;
}
