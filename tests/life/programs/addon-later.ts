/**
 * A driver is asked for while no descriptor is left to load its addon with, and again when there are some:
 * `addon-later.mjs DRIVER`.
 */
import { closeSync, openSync } from "node:fs";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const driver = createDriver(process.argv[2]);
const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const first = driver.probe();
for (const fd of taken) closeSync(fd);
const second = driver.probe();
const io = createBackend({ driver });
await io.nop();
await io.close();
say({ first: first.available ? "available" : first.cause, second: second.available ? "available" : second.cause });
