import type { CaseContext } from "./context.js";

/** Ways to give up an accept or receive that is in flight. */
export const waysOut = ["cancel", "signal", "timeout", "abandon", "abandon-by-signal"] as const;

export type WayOut = (typeof waysOut)[number];

/** Gives an operation up, then waits until its caller has been told. */
export async function giveUp(
  context: CaseContext,
  way: WayOut,
  submit: (options: { signal?: AbortSignal; timeoutMs?: number; onAbort?: "abandon" }) => {
    readonly done: Promise<unknown>;
    cancel(): Promise<unknown>;
    abandon(): void;
  },
): Promise<unknown> {
  const controller = new AbortController();
  const operation = submit({
    ...((way === "signal" || way === "abandon-by-signal") && { signal: controller.signal }),
    ...(way === "abandon-by-signal" && { onAbort: "abandon" as const }),
    ...(way === "timeout" && { timeoutMs: 1 }),
  });
  const settled = operation.done.then(
    (result) => result,
    () => undefined,
  );
  await context.flush();
  if (way === "cancel") void operation.cancel();
  if (way === "signal" || way === "abandon-by-signal") controller.abort();
  if (way === "abandon") operation.abandon();
  return settled;
}
