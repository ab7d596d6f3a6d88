import { lookup } from "node:dns/promises";
import { constants, existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  batonError,
  checkPlacement,
  createNativeSession,
  type Driver,
  type DriverProbe,
  describeErrno,
  linuxInterfaceIndex,
  readableEnvironment,
  runtimeName,
  type Unavailable,
} from "@baton-io/core/driver";
import { epollBinding } from "./binding.js";
import { capabilities } from "./capabilities.js";
import { type EpollOptions, readOptions } from "./options.js";

export type { EpollOptions } from "./options.js";

/**
 * The driver over readiness: each operation is tried at once, without blocking; what says "not yet" waits for its
 * descriptor, what would block goes to a worker thread of the driver's own. Any Linux; no io_uring needed.
 *
 * @example
 * await using io = createBackend({ driver: epollDriver({ threadsMax: 16 }) });
 */
export function epollDriver(options: EpollOptions = {}): Driver {
  const native = readOptions(options, readableEnvironment(process.env), availableParallelism());
  const runtime = runtimeName(process.versions);
  return {
    name: "epoll",
    probe: (): DriverProbe => {
      const binding = epollBinding();
      if ("unavailable" in binding) return binding.unavailable;
      const errno = binding.binding.probe();
      if (errno < 0) return refused(errno);
      return {
        available: true,
        capabilities,
        evidence: [{ name: "threads", value: `up to ${native.threadsMax}` }],
      };
    },
    open: (host, limits) => {
      const binding = epollBinding();
      if ("unavailable" in binding) throw unavailable(binding.unavailable);
      checkPlacement("epollDriver", native, {
        exists: existsSync,
        read: (path) => readFileSync(path, "utf8"),
        warn: (message, details) => process.emitWarning(message, details),
      });
      const session = binding.binding.open({ ...native, ...limits, runtime }, (count) => host.sink(count));
      if (typeof session === "number") throw unavailable(refused(session));
      return createNativeSession({
        native: session,
        capabilities,
        runtime,
        guardPages: native.guardPages,
        interfaceIndex: linuxInterfaceIndex((path) => readFileSync(path, "latin1")),
        lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
        openConstants: constants,
      });
    },
  };
}

function refused(errno: number): Unavailable {
  const { code, text } = describeErrno(errno);
  return {
    available: false,
    cause: "UNKNOWN_ERRNO",
    summary: `The kernel refused to make an epoll instance: ${code} (${text}).`,
    evidence: [{ name: "epoll_create1", value: code }],
  };
}

function unavailable(report: Unavailable): Error {
  return batonError("ERR_DRIVER_UNAVAILABLE", `The driver epoll cannot run: ${report.summary} [${report.cause}]`, {
    driver: "epoll",
  });
}
