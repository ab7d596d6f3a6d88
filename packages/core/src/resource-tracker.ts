/**
 * The open resources of a backend: so that closing the backend closes them, and so that one the program dropped
 * without closing is noticed, reported with where it was made, and closed (P8).
 */
import type { Counters } from "./counters.js";
import type { ResourceKind, ResourceState } from "./resource-state.js";

/** Told when the program drops a resource without closing it. */
export type ResourceLeakListener = (leak: {
  readonly kind: ResourceKind;
  readonly label: string;
  readonly stack: string | undefined;
}) => void;

interface Watched {
  readonly state: ResourceState;
  readonly stack: string | undefined;
  /** What is done with a resource nobody can close any more. */
  readonly reclaim: () => void;
}

export class ResourceTracker {
  readonly #open = new Map<ResourceState, () => Promise<void>>();
  readonly #registry: FinalizationRegistry<Watched> | undefined;
  readonly #stacks: boolean;

  constructor(options: {
    counters: Counters;
    leakDetection: boolean;
    leakStacks: boolean;
    onLeak: ResourceLeakListener;
  }) {
    this.#stacks = options.leakStacks;
    this.#registry = options.leakDetection
      ? new FinalizationRegistry(({ state, stack, reclaim }) => {
          if (state.phase !== "open") return;
          options.counters.resourcesLeaked++;
          options.onLeak({ kind: state.kind, label: state.label, stack });
          reclaim();
        })
      : undefined;
  }

  /** Open resources. */
  get states(): Iterable<ResourceState> {
    return this.#open.keys();
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Watches a resource until it is closed. `close` and `reclaim` must not refer to `resource` itself, or it could
   * never be collected. `reclaim` is what happens to a resource that was dropped; default: it is closed.
   */
  track(resource: object, state: ResourceState, close: () => Promise<void>, reclaim?: () => void): void {
    this.#open.set(state, close);
    const drop = () => {
      // A failed close of something nobody holds has nobody to be reported to.
      close().catch(() => undefined);
    };
    this.#registry?.register(
      resource,
      {
        state,
        stack: this.#stacks ? new Error("made here").stack : undefined,
        reclaim: reclaim ?? drop,
      },
      state,
    );
    state.onClosed = () => {
      this.#open.delete(state);
      this.#registry?.unregister(state);
    };
  }

  /** The driver has closed all handles: nothing can be asked of the resources any more. */
  markAllClosed(): void {
    for (const state of [...this.#open.keys()]) state.markClosed();
  }

  /** Closes everything that is open; errors of the closes are ignored. */
  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#open].map(([state, close]) => (state.phase === "open" ? close() : undefined)));
  }
}
