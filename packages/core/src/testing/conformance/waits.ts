/** Waiting for events, in the time the driver lives in. Nothing here waits for time to pass unless it is asked to. */
import type { Clock } from "@baton-io/core";
import { fail } from "./expect.js";

/** How long a condition may take to come true, real milliseconds. */
const UNTIL_DEADLINE_MS = 5000;

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

/** `virtual`: the clock is a simulation's. */
export function createWaits(clock: Clock, virtual: boolean): Waits {
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
      const endMs = performance.now() + UNTIL_DEADLINE_MS;
      while (!condition()) {
        if (performance.now() > endMs) fail(`expected ${typeof what === "string" ? what : what()}`);
        await turnOnce();
      }
    },
    after,
  };
}
