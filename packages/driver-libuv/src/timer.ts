/** The timer operation over `setTimeout`. */
import { ERRNO } from "@baton-io/core/driver";
import type { Submission } from "./record-reader.js";

export interface TimerHost {
  complete(submission: Submission, result: number): void;
  setCancel(submission: Submission, cancel: (() => void) | undefined): void;
}

/** `submission.position` microseconds, never early: `setTimeout` counts whole milliseconds of its own clock. */
export function startTimer(host: TimerHost, submission: Submission): void {
  const endMs = performance.now() + submission.position / 1000;
  let timer: NodeJS.Timeout;
  const arm = (delayMs: number) => {
    timer = setTimeout(() => {
      const leftMs = endMs - performance.now();
      if (leftMs > 0) arm(leftMs);
      else host.complete(submission, 0);
    }, Math.ceil(delayMs));
  };
  arm(submission.position / 1000);
  host.setCancel(submission, () => {
    clearTimeout(timer);
    host.complete(submission, -ERRNO.ECANCELED);
  });
}
