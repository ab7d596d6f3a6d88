/**
 * Marks a promise that is awaited only later: should it reject meanwhile, the runtime must not take that for an error
 * nobody looks at. The promise itself is returned, and awaiting it still throws.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
