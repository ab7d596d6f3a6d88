/**
 * What a file, stream or listener is to core: a handle with a generation (never a descriptor), whether it is open,
 * and the operations in flight on it. The public objects in `resource/` hold one; operations point at it, so that
 * the public object itself can be collected and noticed as leaked.
 */
import { batonError } from "./errors.js";
import type { Entry } from "./operation-table.js";

export type ResourceKind = "file" | "tcp-stream" | "tcp-listener" | "unix-stream" | "unix-listener" | "udp-socket";

let nextResourceNumber = 1;

/** Told when a resource is closed. */
export interface ClosedListener {
  resourceClosed(state: ResourceState): void;
}

/** Who wants to know of a resource: most have nobody. */
interface Watchers {
  onDrained: (() => void) | undefined;
  readonly holders: Set<() => void>;
}

/** There may be very many, so an object is small: what is rare is made when it is needed, and no method is private. */
export class ResourceState {
  readonly kind: ResourceKind;
  /** What the inspector and errors call it: a path, an address. */
  readonly label: string;
  readonly handleIndex: number;
  readonly handleGeneration: number;
  /** Number for the inspector, unique in the process. */
  readonly number: number = nextResourceNumber++;
  phase: "open" | "closing" | "closed" = "open";
  inFlight = 0;
  /** Why a listener does not accept now: the code of an error. */
  pausedBy: string | undefined = undefined;
  /** Some operation was submitted on it. */
  used = false;
  /** Told once, when it is closed. */
  onClosed: ClosedListener | undefined = undefined;
  #first: Entry | undefined = undefined;
  #watchers: Watchers | undefined = undefined;

  constructor(kind: ResourceKind, label: string, handleIndex: number, handleGeneration: number) {
    this.kind = kind;
    this.label = label;
    this.handleIndex = handleIndex;
    this.handleGeneration = handleGeneration;
  }

  /** Throws unless the resource is open. */
  expectOpen(where: string): void {
    if (this.phase !== "open") {
      throw batonError("ERR_RESOURCE_CLOSED", `${where}: the ${this.kind} ${this.label} is ${this.phase}.`);
    }
  }

  /** An operation on this resource begins. */
  enter(entry: Entry): void {
    this.inFlight++;
    this.used = true;
    entry.resource = this;
    entry.next = this.#first;
    entry.previous = undefined;
    if (this.#first !== undefined) this.#first.previous = entry;
    this.#first = entry;
  }

  /**
   * Keeps the resource from being closed until what this returns is called; `onClosing` is told when somebody wants to.
   */
  hold(onClosing: () => void): () => void {
    this.inFlight++;
    this.used = true;
    const { holders } = this.watchers();
    holders.add(onClosing);
    return () => {
      if (holders.delete(onClosing) && --this.inFlight === 0) this.tellDrained();
    };
  }

  /** `onClosing` is told when somebody closes it, until what this returns is called. It keeps nobody from closing. */
  whenClosing(onClosing: () => void): () => void {
    const { holders } = this.watchers();
    holders.add(onClosing);
    return () => void holders.delete(onClosing);
  }

  /** It is closing: whoever holds it is asked to let go. */
  tellHolders(): void {
    for (const onClosing of [...(this.#watchers?.holders ?? [])]) onClosing();
  }

  /** It has ended. */
  leave(entry: Entry): void {
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else this.#first = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.next = undefined;
    entry.previous = undefined;
    entry.resource = undefined;
    if (--this.inFlight === 0) this.tellDrained();
  }

  private watchers(): Watchers {
    this.#watchers ??= { onDrained: undefined, holders: new Set() };
    return this.#watchers;
  }

  private tellDrained(): void {
    const watchers = this.#watchers;
    if (watchers === undefined) return;
    const { onDrained } = watchers;
    watchers.onDrained = undefined;
    onDrained?.();
  }

  /** The handle is closed. Whoever still waits for operations in flight waits in vain. */
  markClosed(): void {
    this.phase = "closed";
    this.onClosed?.resourceClosed(this);
    this.onClosed = undefined;
    this.tellDrained();
  }

  /** The operations in flight, as they are now. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    for (let entry = this.#first; entry !== undefined; entry = entry.next) entries.push(entry);
    return entries;
  }

  /** Resolves when no operation is in flight, or none that could still be waited for. */
  drained(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const watchers = this.watchers();
      const previous = watchers.onDrained;
      watchers.onDrained = () => {
        previous?.();
        resolve();
      };
    });
  }
}
