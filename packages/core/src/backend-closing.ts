/** The end of a backend: when it is closed, and when the program has dropped it. */

import type { Remains } from "./memory/dropped.js";
import type { Dispatcher } from "./operation/dispatcher.js";
import type { Entry } from "./operation/entry.js";
import { STATE } from "./operation/lifecycle.js";
import type { ResourceTracker } from "./resource/resource-tracker.js";
import type { DriverCloseReport } from "./spi/driver.js";
import { OPCODE } from "./spi/opcode.js";
import { WORD } from "./spi/record.js";
import { readWide } from "./spi/wide.js";

/** How long `close()` waits for what is in flight. */
export const CLOSE_DEADLINE_MS_DEFAULT: number = 5000;
/** Milliseconds between two looks at whether anything of a dropped backend is still in use. */
const LOOK_INTERVAL_MS = 1000;

/** What closing a backend found. */
export interface CloseReport extends DriverCloseReport {
  /** Resources that were still open and were closed by it. */
  readonly resourcesClosed: number;
  /** Buffers that were out with the program. */
  readonly buffersOut: number;
}

/** Closes a backend; see `Backend.close`. */
export async function closeBackend(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  deadlineMs: number,
): Promise<CloseReport> {
  const endMs = dispatcher.clock.nowMs() + deadlineMs;
  const resourcesClosed = tracker.size;
  dispatcher.requests.closed = true;
  for (const tell of [...dispatcher.onClosing]) tell();
  const ended: Entry[] = [];
  for (const entry of dispatcher.table.entries) {
    const { state, kind } = entry;
    const live = state !== STATE.free && state !== STATE.completed && state !== STATE.orphaned;
    // Core's own cancels and closes go their way, or what they are for would never end.
    const own = kind?.opcode === OPCODE.cancel || kind?.opcode === OPCODE.close;
    if (live && !own && entry.resource === undefined) ended.push(entry);
  }
  // A kernel keeps timers in the order of their ends, and looks for each from the first on.
  ended.sort((one, other) => endOf(dispatcher, one) - endOf(dispatcher, other));
  for (const entry of ended) dispatcher.canceler.request(entry, "close");
  const drained = drain(dispatcher, tracker);
  let timer: unknown;
  const deadline = new Promise<void>((resolve) => {
    timer = dispatcher.clock.after(deadlineMs, resolve);
  });
  await Promise.race([drained, deadline]);
  dispatcher.clock.clear(timer);
  // From here on the driver ends what it has, and gets nothing new.
  dispatcher.flush.stop();
  const report = await dispatcher.session.close(Math.max(0, endMs - dispatcher.clock.nowMs()));
  dispatcher.endings.endAll();
  // The driver has closed whatever was left.
  tracker.markAllClosed();
  dispatcher.buffers.close();
  // An operation that is not confirmed may still take one of them.
  if (report.unconfirmedOperations === 0) dispatcher.provided.closed();
  return { ...report, resourcesClosed, buffersOut: dispatcher.buffers.stats().out };
}

/** When a timer ends by itself, on the backend's clock in milliseconds; 0 for everything else. */
function endOf({ records }: Dispatcher, { kind, base, startedAtMs }: Entry): number {
  if (kind?.opcode !== OPCODE.timer) return 0;
  return startedAtMs + readWide(records, base + WORD.positionLow) / 1000;
}

/** Closes resources until there are none and nothing is in flight. */
async function drain(dispatcher: Dispatcher, tracker: ResourceTracker): Promise<void> {
  await tracker.closeAll();
  await dispatcher.endings.idle();
  // An open, accept or connect that won its race against the close has brought one more.
  while (tracker.size > 0) {
    await new Promise<void>((resolve) => dispatcher.clock.turn(resolve));
    await tracker.closeAll();
    await dispatcher.endings.idle();
  }
}

/** What is left of a backend that the program has dropped without closing it. */
export class BackendRemains implements Remains {
  readonly #dispatcher: Dispatcher;
  readonly #tracker: ResourceTracker;
  readonly #tell: () => void;

  /** @param tell reports it; it must not refer to the backend */
  constructor(dispatcher: Dispatcher, tracker: ResourceTracker, tell: () => void) {
    this.#dispatcher = dispatcher;
    this.#tracker = tracker;
    this.#tell = tell;
  }

  /** Closes it, once nothing that it opened is open, nothing is in flight and nobody waits for a buffer. */
  dropped(): void {
    const dispatcher = this.#dispatcher;
    if (dispatcher.requests.closed) return;
    if (this.#tracker.size > 0 || dispatcher.endings.inUse || dispatcher.buffers.isAwaited) {
      dispatcher.clock.after(LOOK_INTERVAL_MS, () => this.dropped());
      return;
    }
    closeBackend(dispatcher, this.#tracker, CLOSE_DEADLINE_MS_DEFAULT).catch(() => undefined);
    this.#tell();
  }
}
