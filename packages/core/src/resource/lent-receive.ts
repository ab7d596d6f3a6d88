/**
 * `receive()` without a buffer where the driver cannot take one: the pool lends one for as long as the connection is
 * idle. A kernel before buffer rings, and one that has no locked memory left for one, serve the same programs so.
 */

import { BatonError } from "../base/errors.js";
import { promiseOfMany } from "../base/rejection.js";
import { checkOptions } from "../base/validate.js";
import type { OwnedBuffer } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import { isSupported } from "../spi/capability.js";
import {
  type ProvidedResult,
  prepareReceive,
  prepareReceiveProvided,
  type ReceiveResult,
  type StreamCore,
} from "./stream-operations.js";
import { operationOptionNames } from "./transfer.js";

/** A receive into a buffer that the driver takes, or else the pool. Throws what is wrong with it. */
export function receiveProvided(core: StreamCore, options: OperationOptions): Promise<ProvidedResult> {
  const { dispatcher } = core;
  if (!isSupported(dispatcher.capabilities.features.providedBuffer)) return receiveLent(core, options);
  return dispatcher.start(prepareReceiveProvided(core, options));
}

function receiveLent(core: StreamCore, options: OperationOptions): Promise<ProvidedResult> {
  const where = "stream.receive";
  const { dispatcher, state } = core;
  state.expectOpen(where);
  checkOptions(where, options, operationOptionNames);
  // Beforehand: whoever is refused takes nothing of the pool.
  dispatcher.canceler.check(where, options);
  const bytes = dispatcher.provided.bufferBytes;
  const buffer = tryTake(core, bytes);
  // Now, and not in a turn: receives are answered in the order in which they were asked for.
  if (buffer !== undefined) return promiseOfMany(dispatcher.pace, () => receiveInto(core, buffer, options));
  return promiseOfMany(dispatcher.pace, () =>
    dispatcher.endings.aside(async () => {
      const { signal, timeoutMs } = options;
      const limits = { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
      return receiveInto(core, await dispatcher.buffers.takeWhenFree(bytes, limits), options);
    }),
  );
}

function tryTake({ dispatcher }: StreamCore, bytes: number): OwnedBuffer | undefined {
  try {
    return dispatcher.buffers.take(bytes);
  } catch (error) {
    if (error instanceof BatonError && error.code === "ERR_POOL_EMPTY") return undefined;
    throw error;
  }
}

async function receiveInto(core: StreamCore, buffer: OwnedBuffer, options: OperationOptions): Promise<ProvidedResult> {
  try {
    const receiving = core.dispatcher.start<ReceiveResult<unknown>>(prepareReceive(core, buffer, options));
    const { bytesReceived } = await receiving;
    if (bytesReceived > 0) return { bytesReceived, buffer };
    buffer.release();
    return { bytesReceived: 0, buffer: undefined };
  } catch (error) {
    // One that was given up comes home by itself.
    if (buffer.state === "owned") buffer.release();
    if (error instanceof Error && "buffer" in error) {
      Object.defineProperty(error, "buffer", { value: undefined, enumerable: false });
    }
    throw error;
  }
}
