/** What a backend has counted since it was created; `io.inspect().counters` shows a copy. */
export interface Counters {
  /** Operations that callers asked for. */
  submitted: number;
  /** Operations that have ended, whichever way. */
  completed: number;
  /** … of these, with the outcome canceled. */
  canceled: number;
  /** … of these, with an error. */
  failed: number;
  /** Cancels handed to the driver. */
  cancelsSent: number;
  /** Rounds of handing submissions to the driver. */
  flushes: number;
  /** Calls of the driver's `submit`: for a native driver, calls into native code. */
  driverCalls: number;
  /** Calls of core's sink by the driver: for a native driver, calls from native code. */
  sinkCalls: number;
  /** Completions that were ready when `submit` returned. */
  completionsInline: number;
  /** Completions that came in through the sink. */
  completionsLater: number;
  /** Completions for operations that had ended: always 0 with a driver that keeps its contract. */
  completionsStale: number;
  /** Operations submitted again after `-EINTR` or `-EAGAIN`, or to go on after a short result. */
  repeated: number;
  /** Flushes in which the driver did not take everything. */
  backPressure: number;
  /** Operations that waited because `operationsMax` were in flight. */
  admissionsWaited: number;
  /** Flushes, and ends without a driver's help, that waited for the event loop so as not to starve it. */
  turnsAwaited: number;
  /** Operations given up by their callers. */
  abandoned: number;
  /** Results of given-up operations that were kept for the next caller or closed. */
  salvaged: number;
  /** How often a listener stopped accepting because descriptors or memory had run out. */
  acceptPauses: number;
  /** Listeners of the program (`onLeak`, `onAcceptPaused`) that threw. What they were told of was taken care of. */
  listenersFailed: number;
  /** Errors that were thrown where none may be, in a driver or in core: bugs. Each failed only its own operations. */
  faults: number;
  /** Resources the program dropped without closing them. */
  resourcesLeaked: number;
}

export function createCounters(): Counters {
  return {
    submitted: 0,
    completed: 0,
    canceled: 0,
    failed: 0,
    cancelsSent: 0,
    flushes: 0,
    driverCalls: 0,
    sinkCalls: 0,
    completionsInline: 0,
    completionsLater: 0,
    completionsStale: 0,
    repeated: 0,
    backPressure: 0,
    admissionsWaited: 0,
    turnsAwaited: 0,
    abandoned: 0,
    salvaged: 0,
    acceptPauses: 0,
    listenersFailed: 0,
    faults: 0,
    resourcesLeaked: 0,
  };
}
