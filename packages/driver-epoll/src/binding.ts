/** The addon: where it is, and what it offers. */
import { createRequire } from "node:module";
import { type BindingResult, type NativeBinding, nativeBinding } from "@baton-io/core/driver";
import type { NativeOptions } from "./options.js";

/** A probe answers 0 when an epoll instance can be made. */
export type EpollBinding = NativeBinding<NativeOptions, 0>;

/** Loads the addon, once. `BATON_EPOLL_BINARY` names another file, for tests with sanitizers. */
export const epollBinding: () => BindingResult<EpollBinding> = nativeBinding({
  driver: "epoll",
  package: "@baton-io/driver-epoll",
  file: "driver-epoll.node",
  variable: "BATON_EPOLL_BINARY",
  from: import.meta.url,
  process,
  load: createRequire(import.meta.url),
});
