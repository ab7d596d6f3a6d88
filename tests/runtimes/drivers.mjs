// @ts-check
/** The drivers as they are built, for runtimes that run no TypeScript. */
import { epollDriver } from "@baton-io/driver-epoll";
import { libuvDriver } from "@baton-io/driver-libuv";
import { uringDriver } from "@baton-io/driver-uring";

/** @type {Readonly<Record<string, () => import("@baton-io/core").Driver>>} */
const factories = { uring: uringDriver, epoll: epollDriver, libuv: libuvDriver };

/** @param {string | undefined} name */
export function driverFactory(name) {
  const factory = factories[name ?? ""];
  if (factory === undefined) throw new Error(`there is no driver called "${name}"`);
  return factory;
}
