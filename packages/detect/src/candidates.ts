/**
 * The one list of drivers, best first. Nobody else knows their names: core imports no driver, and detection imports
 * these packages only when it runs, so a package that is missing is a finding and not a failure.
 */

/** A driver that may run here. */
export interface Candidate {
  /** What `BATON_DRIVER`, `io.driver` and `error.driver` say. */
  readonly name: string;
  readonly package: string;
  /** The export that makes the driver. */
  readonly factory: string;
  /** Values of `process.platform` it is made for. */
  readonly platforms: "any" | readonly string[];
  /**
   * The export that asks the kernel who refuses io_uring. For a driver that a kernel with io_uring can refuse, and
   * whose own probe a seccomp filter can kill: detection asks first, and lets the driver near the kernel only then.
   */
  readonly kernelHook?: string;
}

export const candidates = [
  {
    name: "uring",
    package: "@baton-io/driver-uring",
    factory: "uringDriver",
    platforms: ["linux"],
    kernelHook: "uringKernel",
  },
  { name: "epoll", package: "@baton-io/driver-epoll", factory: "epollDriver", platforms: ["linux"] },
  { name: "libuv", package: "@baton-io/driver-libuv", factory: "libuvDriver", platforms: "any" },
] as const;

// Every row has the fields of a candidate; the constant keeps the names as literal types.
candidates satisfies readonly Candidate[];

/** Name of a driver. */
export type DriverName = (typeof candidates)[number]["name"];

/** Names, best first. */
export const driverNames: readonly DriverName[] = Object.freeze(candidates.map((candidate) => candidate.name));

/** True for the name of a driver. */
export function isDriverName(value: unknown): value is DriverName {
  return driverNames.some((name) => name === value);
}
