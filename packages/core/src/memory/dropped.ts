/**
 * Noticing that the program has dropped something without ending it. There is one registry for everything in the
 * thread, made when it is first needed: one of a backend would be collected with the backend, and then nobody would be
 * told of what that leaves behind.
 */

/** What is left of something when it is dropped. It must not refer to it, or that could never be collected. */
export interface Remains {
  /** It was dropped, or had ended before. */
  dropped(): void;
}

let registry: FinalizationRegistry<Remains> | undefined;

/**
 * Has `remains` told once `target` can no longer be reached. There is no way back, because that would take a table of
 * all there are: what has ended in order is told too, and passes it over.
 */
export function watchForDrop(target: object, remains: Remains): void {
  registry ??= new FinalizationRegistry((lost) => lost.dropped());
  registry.register(target, remains);
}
