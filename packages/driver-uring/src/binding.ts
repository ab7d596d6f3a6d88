/** The addon: where it is, and what it offers. */
import { createRequire } from "node:module";
import { type BindingResult, loadBinding, type NativeSession, type RuntimeName } from "@baton-io/core";
import type { NativeOptions } from "./options.js";

/** What the ring turned out to be. */
export interface RingInfo {
  readonly setupFlags: number;
  readonly featureFlags: number;
  readonly entries: number;
  readonly cqEntries: number;
  readonly multishotAccept: boolean;
  readonly multishotReceive: boolean;
  readonly bufferRing: boolean;
  readonly zeroCopySend: boolean;
  readonly registeredBuffers: boolean;
  readonly registeredFiles: boolean;
  readonly ftruncate: boolean;
  readonly links: boolean;
}

export interface UringBinding {
  /** What a ring with these options is, or a negative errno. */
  probe(options: NativeOptions): RingInfo | number;
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
  ): (NativeSession & { readonly ring: RingInfo }) | number;
}

let loaded: BindingResult<UringBinding> | undefined;

/** Loads the addon, once. `BATON_URING_BINARY` names another file, for tests with sanitizers. */
export function uringBinding(): BindingResult<UringBinding> {
  const named = process.env["BATON_URING_BINARY"];
  loaded ??= loadBinding<UringBinding>({
    driver: "uring",
    paths: named !== undefined ? [named] : [`../prebuilds/${process.platform}-${process.arch}/driver-uring.node`],
    load: createRequire(import.meta.url),
  });
  return loaded;
}
