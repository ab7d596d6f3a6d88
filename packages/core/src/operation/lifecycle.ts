/**
 * The life of an operation as one pure function: no clock, no I/O, no promise. Everything else asks this table
 * what may happen next, so an illegal step is a bug that shows at once instead of a buffer given back twice.
 *
 *     queued → submitted → (more)* → completed, with canceling and orphaned between
 *
 * Numbers rather than names, because the table is read once per event on the hot path.
 */

/** Where an operation is. */
export const STATE = {
  /** The slot carries no operation. */
  free: 0,
  /** Accepted from the caller, not yet taken by the driver. */
  queued: 1,
  /** The driver has it; its buffer is lent. */
  submitted: 2,
  /** A multishot operation that has delivered at least one completion. */
  more: 3,
  /** The driver has it and has been asked to end it early. */
  canceling: 4,
  /** Nobody waits for it any more; the driver still has it and its buffer. */
  orphaned: 5,
  /** Ended: the final completion is in, the buffer is home. */
  completed: 6,
} as const;
export type State = (typeof STATE)[keyof typeof STATE];
export type StateName = keyof typeof STATE;

/** What can happen to an operation. */
export const EVENT = {
  /** A caller asks for it. */
  request: 0,
  /** The driver takes it. */
  submit: 1,
  /** A completion that is not the final one. */
  more: 2,
  /** The final completion, whatever its result. */
  final: 3,
  /** Someone asks for its early end. */
  cancel: 4,
  /** Its caller gives it up. */
  abandon: 5,
  /** It goes back to the queue after a transient result (`-EINTR`, `-EAGAIN`). */
  repeat: 6,
  /** Its slot is freed for the next operation. */
  release: 7,
} as const;
export type LifecycleEvent = (typeof EVENT)[keyof typeof EVENT];
export type LifecycleEventName = keyof typeof EVENT;

/** What `nextState` answers for a step that must never happen. */
export const ILLEGAL = 255;

const steps: Record<StateName, Partial<Record<LifecycleEventName, StateName>>> = {
  free: { request: "queued" },
  queued: {
    submit: "submitted",
    // Never given to the driver: it can end here and now, without a system call.
    cancel: "completed",
    abandon: "completed",
    final: "completed",
  },
  submitted: { more: "more", final: "completed", cancel: "canceling", abandon: "orphaned", repeat: "queued" },
  more: { more: "more", final: "completed", cancel: "canceling", abandon: "orphaned", repeat: "queued" },
  // The cancel's own result says nothing about the target: only `final` ends it.
  canceling: { more: "canceling", final: "completed", cancel: "canceling", abandon: "orphaned" },
  orphaned: { more: "orphaned", final: "completed", cancel: "orphaned" },
  completed: { release: "free" },
};

const stateNames = Object.keys(STATE) as StateName[];
const eventNames = Object.keys(EVENT) as LifecycleEventName[];

const table: Uint8Array = (() => {
  const cells = new Uint8Array(stateNames.length * 8).fill(ILLEGAL);
  for (const from of stateNames) {
    for (const event of eventNames) {
      const to = steps[from][event];
      if (to !== undefined) cells[(STATE[from] << 3) | EVENT[event]] = STATE[to];
    }
  }
  return cells;
})();

/** The state after `event` in `state`, or `ILLEGAL`. */
export function nextState(state: State, event: LifecycleEvent): State | typeof ILLEGAL {
  return table[(state << 3) | event] as State | typeof ILLEGAL;
}

/** The name of a state, for the inspector and for errors. */
export function stateName(state: State): StateName {
  return stateNames[state]!;
}

/** The name of an event, for errors. */
export function eventName(event: LifecycleEvent): LifecycleEventName {
  return eventNames[event]!;
}

/** True while the driver may still write a completion for the operation. */
export function isWithDriver(state: State): boolean {
  return state === STATE.submitted || state === STATE.more || state === STATE.canceling || state === STATE.orphaned;
}
