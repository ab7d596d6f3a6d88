/** Why a pool gives nothing. */
import { batonError } from "../base/errors.js";

/** Sizes in bytes. */
export interface EmptyPool {
  readonly bytes: number;
  readonly bytesMax: number;
  /** The longest buffer that can be waited for: the rest is for receives. */
  readonly waitableBytes: number;
  readonly waiting: number;
  /** What the system said, where the limit was not the reason. */
  readonly cause: unknown;
}

export function poolEmpty(length: number, { bytes, bytesMax, waitableBytes, waiting, cause }: EmptyPool): Error {
  const limit =
    length > waitableBytes
      ? `no more than ${waitableBytes} of the limit of ${bytesMax} can be waited for: receives have the rest`
      : `the pool is at its limit (${bytes} of ${bytesMax} bytes)`;
  const why = cause === undefined ? limit : "there is no memory";
  const others = waiting === 0 ? "" : `; ${waiting} wait for one`;
  return batonError("ERR_POOL_EMPTY", `buffers: no buffer of ${length} bytes is home and ${why}${others}.`, {
    ...(cause !== undefined && { cause }),
  });
}
