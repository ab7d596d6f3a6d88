/**
 * Tells programs what they should know of the driver in use: that it is not the expected one, or that it has less than it
 * asked for. As an event, and on a diagnostics channel for whoever watches.
 */
import { channel } from "node:diagnostics_channel";
import type { Shortfall } from "@baton-io/core";
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

/** Name of the diagnostics channel; its messages are `{ report }`, whose `shortfalls` are not empty. */
export const SHORTFALL_CHANNEL = "baton:shortfall";

/** Dispatched on `detection` when a driver was opened and has less than it asked for: a smaller ring, for one. */
export class ShortfallEvent extends Event {
  readonly #report: DetectReport;

  constructor(report: DetectReport) {
    super("shortfall");
    this.#report = report;
  }

  /** What was found and chosen, with the shortfalls. */
  get report(): DetectReport {
    return this.#report;
  }

  /** What there is less of. */
  get shortfalls(): readonly Shortfall[] {
    return this.#report.shortfalls;
  }
}

/**
 * Where detection's events are heard, whatever `BATON_LOG` says: `fallback`, a `FallbackEvent`, each time another driver
 * than the expected one is used; `shortfall`, a `ShortfallEvent`, each time a driver is opened that has less than it
 * asked for.
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

/** Publishes what a driver that was just opened has less of. */
export function publishShortfalls(report: DetectReport): void {
  if (report.shortfalls.length === 0) return;
  detection.dispatchEvent(new ShortfallEvent(report));
  const watchers = channel(SHORTFALL_CHANNEL);
  if (watchers.hasSubscribers) watchers.publish({ report });
}
