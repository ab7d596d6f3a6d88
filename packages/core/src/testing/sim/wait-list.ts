/** Operations that wait for the same thing. */
export type WaitList = Waiter[];

export interface Waiter {
  /** What it waits for may be there. */
  readonly onWake: () => void;
  /** It waits nowhere any more. */
  stopWaiting(): void;
}

/** Wakes everybody who waits: each gets another attempt, in its own time. */
export function wakeAll(list: WaitList): void {
  if (list.length === 0) return;
  for (const waiter of list.splice(0)) {
    waiter.stopWaiting();
    waiter.onWake();
  }
}
