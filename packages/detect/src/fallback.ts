/** Tells programs that detection has fallen back: as an event, and on a diagnostics channel for whoever watches. */
import { channel } from "node:diagnostics_channel";
import type { DetectReport } from "./report.js";

/** Name of the diagnostics channel; its messages are `{ report }`. */
export const FALLBACK_CHANNEL = "baton:fallback";

/** Dispatched on `detection` when another driver than the expected one is used. */
export class FallbackEvent extends Event {
  readonly #report: DetectReport;

  constructor(report: DetectReport) {
    super("fallback");
    this.#report = report;
  }

  /** What was found and chosen. */
  get report(): DetectReport {
    return this.#report;
  }
}

/**
 * Where detection's events are heard: `fallback`, a `FallbackEvent`, each time another driver than the expected one is
 * used, whatever `BATON_LOG` says.
 *
 * @example
 * detection.addEventListener("fallback", (event) => metrics.count("io_fallback", (event as FallbackEvent).report.chosen));
 */
export const detection: EventTarget = new EventTarget();

/** Publishes a fallback, once per detection. */
export function publishFallback(report: DetectReport): void {
  if (report.choice !== "FALLBACK") return;
  detection.dispatchEvent(new FallbackEvent(report));
  const watchers = channel(FALLBACK_CHANNEL);
  if (watchers.hasSubscribers) watchers.publish({ report });
}
