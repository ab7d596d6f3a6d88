/**
 * The open resources of a backend: so that closing the backend closes them, and so that one the program dropped
 * without closing is noticed, reported with where it was made, and closed (P8).
 */
import type { Counters } from "./counters.js";
import type { ClosedListener, ResourceKind, ResourceState } from "./resource-state.js";

/** Told when the program drops a resource without closing it. */
export type ResourceLeakListener = (leak: {
  readonly kind: ResourceKind;
  readonly label: string;
  readonly stack: string | undefined;
}) => void;

/**
 * An open resource as the tracker knows it. It must not refer to the object that the program holds, or that could
 * never be collected.
 */
export interface Tracked {
  readonly state: ResourceState;
  close(): Promise<void>;
  /** What becomes of a resource that the program dropped; without it: it is closed. */
  reclaim?(): void;
}

export class ResourceTracker implements ClosedListener {
  readonly #open = new Map<ResourceState, Tracked>();
  readonly #registry: FinalizationRegistry<Tracked> | undefined;
  /** Where each was made, when that is wanted. */
  readonly #stacks: Map<ResourceState, string | undefined> | undefined;

  constructor(options: {
    counters: Counters;
    leakDetection: boolean;
    leakStacks: boolean;
    onLeak: ResourceLeakListener;
  }) {
    this.#stacks = options.leakStacks ? new Map() : undefined;
    this.#registry = options.leakDetection
      ? new FinalizationRegistry((tracked) => {
          const { state } = tracked;
          if (state.phase !== "open") return;
          options.counters.resourcesLeaked++;
          options.onLeak({ kind: state.kind, label: state.label, stack: this.#stacks?.get(state) });
          if (tracked.reclaim !== undefined) tracked.reclaim();
          // A failed close of something nobody holds has nobody to be reported to.
          else tracked.close().catch(() => undefined);
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

  /** Watches a resource until it is closed. */
  track(resource: object, tracked: Tracked): void {
    const { state } = tracked;
    this.#open.set(state, tracked);
    this.#stacks?.set(state, new Error("made here").stack);
    // Never unregistered: that would take a table of them. One that was closed is passed over.
    this.#registry?.register(resource, tracked);
    state.onClosed = this;
  }

  /** A resource is closed. */
  resourceClosed(state: ResourceState): void {
    this.#open.delete(state);
    this.#stacks?.delete(state);
  }

  /** The driver has closed all handles: nothing can be asked of the resources any more. */
  markAllClosed(): void {
    for (const state of [...this.#open.keys()]) state.markClosed();
  }

  /** Closes everything that is open; errors of the closes are ignored. */
  async closeAll(): Promise<void> {
    await Promise.allSettled(
      [...this.#open.values()].map((tracked) => (tracked.state.phase === "open" ? tracked.close() : undefined)),
    );
  }
}
