import { lookup } from "node:dns/promises";
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import { type Driver, nativeDriver } from "@baton-io/core/driver";
import { epollBinding } from "./binding.js";
import { capabilities } from "./capabilities.js";
import { type EpollOptions, readOptions } from "./options.js";

export type { EpollOptions } from "./options.js";

const createDriver = nativeDriver({
  name: "epoll",
  binding: epollBinding,
  system: { process, fs, lookup },
  instance: { text: "an epoll instance", call: "epoll_create1" },
  readOptions: (options: EpollOptions, environment) => readOptions(options, environment, availableParallelism()),
  optionsFor: (checked) => checked,
  describeProbe: (_found, { threadsMax }) => ({
    capabilities,
    evidence: [{ name: "threads", value: `up to ${threadsMax}` }],
  }),
  describeSession: () => ({ capabilities }),
});

/**
 * The driver over readiness: each operation is tried at once, without blocking; what says "not yet" waits for its
 * descriptor, what would block goes to a worker thread of the driver's own. Any Linux; no io_uring needed.
 *
 * @example
 * await using io = createBackend({ driver: epollDriver({ threadsMax: 16 }) });
 */
export function epollDriver(options: EpollOptions = {}): Driver {
  return createDriver(options);
}
