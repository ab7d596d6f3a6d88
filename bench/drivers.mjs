// @ts-check
import { createBackend } from "@baton-io/core";
import { detect } from "@baton-io/detect";

/**
 * A backend over exactly this driver.
 *
 * @param {string} name
 * @param {Omit<import("@baton-io/core").BackendOptions, "driver">} [options]
 */
export async function openDriver(name, options = {}) {
  const prefer = /** @type {import("@baton-io/detect").DriverName} */ (name);
  return createBackend({ ...options, driver: await detect({ prefer, allowFallback: false }) });
}

/** What runs here, and what does not and why. */
export async function surveyDrivers() {
  const { report } = await detect();
  return report.drivers;
}
