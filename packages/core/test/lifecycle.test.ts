import { describe, expect, test } from "vitest";
import {
  EVENT,
  eventName,
  ILLEGAL,
  isWithDriver,
  type LifecycleEvent,
  type LifecycleEventName,
  nextState,
  STATE,
  type State,
  type StateName,
  stateName,
} from "../src/operation/lifecycle.js";

const states = Object.keys(STATE) as StateName[];
const events = Object.keys(EVENT) as LifecycleEventName[];

/** What may happen, written a second time, by event instead of by state. */
const legal: Readonly<Record<LifecycleEventName, readonly (readonly [StateName, StateName])[]>> = {
  request: [["free", "queued"]],
  submit: [["queued", "submitted"]],
  more: [
    ["submitted", "more"],
    ["more", "more"],
    ["canceling", "canceling"],
    ["orphaned", "orphaned"],
  ],
  final: [
    ["queued", "completed"],
    ["submitted", "completed"],
    ["more", "completed"],
    ["canceling", "completed"],
    ["orphaned", "completed"],
  ],
  cancel: [
    ["queued", "completed"],
    ["submitted", "canceling"],
    ["more", "canceling"],
    ["canceling", "canceling"],
    ["orphaned", "orphaned"],
  ],
  abandon: [
    ["queued", "completed"],
    ["submitted", "orphaned"],
    ["more", "orphaned"],
    ["canceling", "orphaned"],
  ],
  repeat: [
    ["submitted", "queued"],
    ["more", "queued"],
  ],
  release: [["completed", "free"]],
};

describe("every state and every event", () => {
  for (const from of states) {
    for (const event of events) {
      const expected = legal[event].find(([state]) => state === from)?.[1];
      // mutant: final-after-final
      test(`${event} in ${from} is ${expected ?? "illegal"}`, () => {
        const next = nextState(STATE[from], EVENT[event]);
        expect(next === ILLEGAL ? undefined : stateName(next)).toBe(expected);
      });
    }
  }

  test("names and numbers belong together", () => {
    for (const name of states) expect(stateName(STATE[name])).toBe(name);
    for (const name of events) expect(eventName(EVENT[name])).toBe(name);
  });

  test("the driver has an operation from its submission to its final completion", () => {
    const withDriver = states.filter((name) => isWithDriver(STATE[name]));
    expect(withDriver).toEqual(["submitted", "more", "canceling", "orphaned"]);
  });
});

/** What each side can do to an operation in a state: the caller asks, the driver answers. */
function possible(state: State): LifecycleEvent[] {
  const caller =
    state === STATE.queued || (isWithDriver(state) && state !== STATE.orphaned) ? [EVENT.cancel, EVENT.abandon] : [];
  if (state === STATE.queued) return [EVENT.submit, ...caller];
  if (!isWithDriver(state)) return [];
  const repeat = state === STATE.submitted || state === STATE.more ? [EVENT.repeat] : [];
  return [EVENT.final, EVENT.more, ...repeat, ...caller];
}

/** Follows every order of events of `count` operations, `depth` deep; returns how many orders there were. */
function explore(
  count: number,
  depth: number,
  visit: (state: State, event: LifecycleEvent, next: number) => void,
): number {
  const seen = new Map<string, number>();
  const from = (joint: readonly State[], left: number): number => {
    if (left === 0) return 1;
    const key = `${[...joint].sort().join()}/${left}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    let orders = 0;
    for (const [index, state] of joint.entries()) {
      for (const event of possible(state)) {
        const next = nextState(state, event);
        visit(state, event, next);
        if (next !== ILLEGAL) orders += from(joint.with(index, next), left - 1);
      }
    }
    // All have ended before the depth was reached: one order.
    const total = orders === 0 ? 1 : orders;
    seen.set(key, total);
    return total;
  };
  return from(Array<State>(count).fill(STATE.queued), depth);
}

describe("every order of submit, cancel, complete, more, abandon and repeat", () => {
  for (const count of [1, 2, 3]) {
    test(`of ${count} operations, 8 events deep, has no illegal step and reaches every state`, () => {
      const reached = new Set<number>();
      const taken = new Set<string>();
      const orders = explore(count, 8, (state, event, next) => {
        expect(next, `${eventName(event)} in ${stateName(state)}`).not.toBe(ILLEGAL);
        reached.add(next);
        taken.add(`${state}.${event}`);
      });
      expect(orders).toBeGreaterThan(8 ** count);
      expect([...reached].sort()).toEqual([
        STATE.queued,
        STATE.submitted,
        STATE.more,
        STATE.canceling,
        STATE.orphaned,
        STATE.completed,
      ]);
      // Every step of the table but the first, the last, and those that core makes without a driver or a caller.
      const all = events.flatMap((event) => legal[event].map(([state]) => `${STATE[state]}.${EVENT[event]}`));
      const elsewhere = [
        `${STATE.free}.${EVENT.request}`,
        `${STATE.completed}.${EVENT.release}`,
        `${STATE.queued}.${EVENT.final}`,
        `${STATE.orphaned}.${EVENT.cancel}`,
      ];
      expect([...taken].sort()).toEqual(all.filter((step) => !elsewhere.includes(step)).sort());
    });
  }

  test("ends: from every state that an operation can be in, the driver's final completion leads to a free slot", () => {
    for (const name of states) {
      if (name === "free") continue;
      const state = STATE[name];
      const ended = state === STATE.completed ? state : nextState(state, EVENT.final);
      expect(ended).toBe(STATE.completed);
      expect(nextState(ended as State, EVENT.release)).toBe(STATE.free);
    }
  });

  test("no order brings an operation that has ended back to life", () => {
    for (const event of events) {
      if (event !== "release") expect(nextState(STATE.completed, EVENT[event])).toBe(ILLEGAL);
    }
  });
});
