/**
 * Code that the runtime calls must not throw half way: whoever waits for the steps after it would wait for ever, and
 * nobody would get the error. A listener of the program's that sits on the same socket can throw in any call that tells
 * listeners.
 */

/** Takes all the steps, whatever one of them throws, and then rethrows what was thrown first. */
export function inAnyCase(...steps: readonly (() => void)[]): void {
  const thrown: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}

/** Does it; what it throws is the answer of the operation that it is done for. */
export function orAnswer(action: () => void, answer: (error: unknown) => void): void {
  try {
    action();
  } catch (error) {
    answer(error);
  }
}

/** Calls it and ignores what it throws, so that one failure keeps no other part from ending. */
export function quietly(action: () => void): void {
  orAnswer(action, () => undefined);
}

/**
 * Takes all the steps in a callback. What is thrown becomes an uncaught exception, but in a turn of its own: the
 * runtime is in the middle of its own work, on which others wait.
 */
export function calledBack(...steps: readonly (() => void)[]): void {
  orAnswer(
    () => inAnyCase(...steps),
    (error) =>
      process.nextTick(() => {
        throw error;
      }),
  );
}
