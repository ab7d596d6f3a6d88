/**
 * What a file, stream or listener is to core: a handle with a generation (never a descriptor), whether it is open,
 * and the operations in flight on it. Everything that uses the resource holds one: the public object, a running
 * iterator, an operation in flight. One that none of these holds was dropped by the program, and is noticed
 * (`resource-tracker.ts`); nobody else may hold one for longer than that.
 */
import { batonError } from "../base/errors.js";
import type { Entry } from "./operation-table.js";
import type { ResourceHandle, ResourceKind } from "./resource-handle.js";

/** Who wants to know of a resource: most have nobody. */
interface Watchers {
  onDrained: (() => void) | undefined;
  readonly holders: Set<() => void>;
}

/** There may be very many, so an object is small: what is rare is made when it is needed, and no method is private. */
export class ResourceState {
  readonly handle: ResourceHandle;
  /**
   * A reset of which nobody was told, as a negative errno, because who would have been has given up. The system tells of
   * it once and says from then on that the stream is at its end.
   */
  untoldReset = 0;
  inFlight = 0;
  #first: Entry | undefined = undefined;
  #watchers: Watchers | undefined = undefined;

  constructor(handle: ResourceHandle) {
    this.handle = handle;
  }

  get kind(): ResourceKind {
    return this.handle.kind;
  }

  get label(): string {
    return this.handle.label;
  }

  get handleIndex(): number {
    return this.handle.index;
  }

  get handleGeneration(): number {
    return this.handle.generation;
  }

  get number(): number {
    return this.handle.number;
  }

  get phase(): ResourceHandle["phase"] {
    return this.handle.phase;
  }

  set phase(phase: ResourceHandle["phase"]) {
    this.handle.phase = phase;
  }

  /** Throws unless the resource is open. */
  expectOpen(where: string): void {
    if (this.phase !== "open") {
      throw batonError("ERR_RESOURCE_CLOSED", `${where}: the ${this.kind} ${this.label} is ${this.phase}.`);
    }
  }

  /** An operation on this resource begins. */
  enter(entry: Entry): void {
    this.use();
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
    this.use();
    const { holders } = this.watchers();
    holders.add(onClosing);
    return () => {
      if (holders.delete(onClosing)) this.letGo();
    };
  }

  /** `onClosing` is told when somebody closes it, until what this returns is called. It keeps nobody from closing. */
  whenClosing(onClosing: () => void): () => void {
    const { holders } = this.watchers();
    holders.add(onClosing);
    this.handle.watched ??= new WeakRef(this);
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
    this.letGo();
  }

  /** From now on it cannot be taken for dropped. */
  private use(): void {
    const { handle } = this;
    this.inFlight++;
    handle.used = true;
    handle.busy = this;
  }

  private letGo(): void {
    if (--this.inFlight > 0) return;
    this.handle.busy = undefined;
    this.tellDrained();
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
    this.handle.markClosed();
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
