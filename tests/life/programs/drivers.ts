/** Drivers by name, and what programs say: one line of JSON. */
import type { Driver } from "@baton-io/core";
import { epollDriver } from "@baton-io/driver-epoll";
import { libuvDriver } from "@baton-io/driver-libuv";
import { uringDriver, uringFeatures } from "@baton-io/driver-uring";

const factories: Readonly<Record<string, () => Driver>> = {
  uring: uringDriver,
  /** As on Linux 5.6. */
  "uring-5.6": () => uringDriver({ disable: [...uringFeatures] }),
  epoll: epollDriver,
  libuv: libuvDriver,
};

export function createDriver(name: string | undefined): Driver {
  const factory = factories[name ?? ""];
  if (factory === undefined) throw new Error(`there is no driver called "${name}"`);
  return factory();
}

/** Prints a report as one line. */
export function say(report: object): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
