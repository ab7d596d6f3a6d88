import { sharedSignal } from "./shared-signal.js";

/**
 * Waits for tasks that belong together. When one fails the others are told by the signal that `start` was given; all
 * are awaited, so that nothing goes on behind the caller's back, and then the first error is thrown.
 */
export async function together(
  outer: AbortSignal,
  start: (signal: AbortSignal) => readonly Promise<unknown>[],
): Promise<void> {
  const failure = new AbortController();
  let first: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    first ??= { error };
    failure.abort(error);
  };
  const tasks = start(sharedSignal(outer, failure.signal));
  await Promise.all(tasks.map((task) => task.catch(fail)));
  if (first !== undefined) throw first.error;
}
