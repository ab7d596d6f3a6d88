/** Waiting for events, in the time the driver lives in. Nothing here waits for time to pass unless it is asked to. */
import type { Clock } from "@baton-io/core";
import { fail } from "./expect.js";

export interface Waits {
  /** One turn of the event loop, or several. */
  turn(count?: number): Promise<void>;
  /** Turns until the condition holds; `what` completes "expected …". */
  until(condition: () => boolean, what: string | (() => string)): Promise<void>;
  /** Milliseconds of the driver's time. */
  after(delayMs: number): Promise<void>;
}

/** By how much one turn moves a simulated clock, milliseconds: there, turning alone takes no time. */
const VIRTUAL_STEP_MS = 0.05;

/** What waits are told at the start. */
export interface WaitOptions {
  /** The clock is a simulation's. */
  readonly virtual: boolean;
  /** How long a condition may take to come true, real milliseconds. */
  readonly deadlineMs: number;
}

export function createWaits(clock: Clock, { virtual, deadlineMs }: WaitOptions): Waits {
  const after = (delayMs: number) => new Promise<void>((resolve) => void clock.after(delayMs, resolve));
  const turnOnce = async () => {
    if (virtual) await after(VIRTUAL_STEP_MS);
    await new Promise<void>((resolve) => clock.turn(resolve));
  };
  return {
    turn: async (count = 1) => {
      for (let done = 0; done < count; done++) await turnOnce();
    },
    until: async (condition, what) => {
      const endMs = performance.now() + deadlineMs;
      while (!condition()) {
        if (performance.now() > endMs) fail(`expected ${typeof what === "string" ? what : what()}`);
        await turnOnce();
      }
    },
    after,
  };
}
