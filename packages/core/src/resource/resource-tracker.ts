/**
 * The open resources of a backend: so that closing the backend closes them, and so that one the program dropped
 * without closing is noticed, reported with where it was made, and closed. Every kind of resource is tracked
 * here, and only here is it decided what counts as dropped: that nothing which uses it can be reached any more.
 */
import type { Counters } from "../base/counters.js";
import { watchForDrop } from "../memory/dropped.js";
import type { ResourceKind } from "../operation/entry.js";
import type { HandleOwner, ResourceEnding, ResourceHandle } from "../operation/resource-state.js";
import { ResourceState } from "../operation/resource-state.js";

/** Told when the program drops a resource without closing it. */
export type ResourceLeakListener = (leak: {
  readonly kind: ResourceKind;
  readonly label: string;
  readonly stack: string | undefined;
}) => void;

export class ResourceTracker implements HandleOwner {
  /** Endings that many resources share, by what they do. */
  readonly endings: Map<string, ResourceEnding> = new Map();
  readonly #open = new Set<ResourceHandle>();
  readonly #counters: Counters;
  readonly #watches: boolean;
  readonly #onLeak: ResourceLeakListener;
  /** Where each was made, when that is wanted. */
  readonly #stacks: Map<ResourceHandle, string | undefined> | undefined;

  constructor(options: {
    counters: Counters;
    leakDetection: boolean;
    leakStacks: boolean;
    onLeak: ResourceLeakListener;
  }) {
    this.#counters = options.counters;
    this.#watches = options.leakDetection;
    this.#onLeak = options.onLeak;
    this.#stacks = options.leakStacks ? new Map() : undefined;
  }

  /** The handles of open resources. */
  get handles(): Iterable<ResourceHandle> {
    return this.#open;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes an open resource in, until it is closed. `ending` must not refer to it. */
  track(state: ResourceState, ending: ResourceEnding): void {
    const { handle } = state;
    handle.ending = ending;
    this.#open.add(handle);
    this.#stacks?.set(handle, new Error("made here").stack);
    if (this.#watches) watchForDrop(state, handle);
  }

  resourceClosed(handle: ResourceHandle): void {
    this.#open.delete(handle);
    this.#stacks?.delete(handle);
  }

  resourceDropped(handle: ResourceHandle): void {
    const leak = { kind: handle.kind, label: handle.label, stack: this.#stacks?.get(handle) };
    this.#counters.resourcesLeaked++;
    // First, because the listener is the program's and may throw. A failed close of something nobody holds has nobody
    // to be reported to.
    if (handle.ending?.reclaim?.(handle) !== true) close(handle).catch(() => undefined);
    this.#onLeak(leak);
  }

  /** The driver has closed all handles: nothing can be asked of the resources any more. */
  markAllClosed(): void {
    for (const handle of [...this.#open]) stateOf(handle).markClosed();
  }

  /** Closes everything that is open; errors of the closes are ignored. */
  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#open].map((handle) => (handle.phase === "open" ? close(handle) : undefined)));
  }
}

async function close(handle: ResourceHandle): Promise<void> {
  await handle.ending?.close(stateOf(handle));
}

/** The resource, to be closed. One that is not in use is taken up anew: nothing of it matters but its handle. */
function stateOf(handle: ResourceHandle): ResourceState {
  return handle.busy ?? handle.watched?.deref() ?? new ResourceState(handle);
}
