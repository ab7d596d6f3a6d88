/** Signals of the caller's own making. */

/** One that is not aborted, and does something when it is listened to. */
export function signalThat(listened: (callback: () => void) => void): AbortSignal {
  const addEventListener = (_type: "abort", callback: () => void) => listened(callback);
  return { aborted: false, addEventListener, removeEventListener: () => undefined } as never;
}
