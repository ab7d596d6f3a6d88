/** The addon: where it is, and what it offers. */
import { createRequire } from "node:module";
import {
  type BindingResult,
  bindingLoader,
  loadBinding,
  type NativeSession,
  type RuntimeName,
  readableEnvironment,
} from "@baton-io/core/driver";
import type { NativeOptions } from "./options.js";

export interface EpollBinding {
  /** 0 when an epoll instance can be made, or a negative errno. */
  probe(): number;
  /** A session, or a negative errno. */
  open(
    options: NativeOptions & {
      readonly runtime: RuntimeName;
      readonly slots: number;
      readonly submissionBatchMax: number;
      readonly completionBatchMax: number;
      readonly arenaBytes: number;
    },
    sink: (count: number) => void,
  ): NativeSession | number;
}

/** Loads the addon, once. `BATON_EPOLL_BINARY` names another file, for tests with sanitizers. */
export const epollBinding: () => BindingResult<EpollBinding> = bindingLoader(() => {
  const named = readableEnvironment(process.env)["BATON_EPOLL_BINARY"];
  return loadBinding<EpollBinding>({
    driver: "epoll",
    package: "@baton-io/driver-epoll",
    from: import.meta.url,
    paths: named !== undefined ? [named] : [`../prebuilds/${process.platform}-${process.arch}/driver-epoll.node`],
    load: createRequire(import.meta.url),
  });
});
