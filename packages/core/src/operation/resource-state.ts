/**
 * What a file, stream or listener is to core: a handle with a generation (never a descriptor), whether it is open,
 * and the operations in flight on it. Everything that uses the resource holds one: the public object, a running
 * iterator, an operation in flight. One that none of these holds was dropped by the program, and is noticed
 * (`resource-tracker.ts`); nobody else may hold one for longer than that.
 */
import { batonError } from "../base/errors.js";
import type { Remains } from "../memory/dropped.js";
import type { Entry, OperationHandle, OperationResource, ResourceKind } from "./entry.js";

/** How resources of one kind and origin end; one object for all of them. */
export interface ResourceEnding {
  /** Who has their handles while they are open. */
  readonly owner: HandleOwner;
  /** Why a listener, which shares its ending with no other, does not accept now: the code of an error. */
  pausedBy?: string | undefined;
  /** Closes one that is open. */
  close(state: ResourceState): Promise<void>;
  /** What becomes of one that the program dropped; without it, or when it answers false: it is closed. */
  reclaim?(handle: ResourceHandle): boolean;
}

/** Who has the open handles. */
export interface HandleOwner {
  /** It is closed. */
  resourceClosed(handle: ResourceHandle): void;
  /** The program has dropped the resource. */
  resourceDropped(handle: ResourceHandle): void;
}

let nextResourceNumber = 1;

/**
 * What is left of a resource when the program has dropped it: the driver's handle, and how it ends. It does not refer to
 * anything that the program or an operation uses, with one exception: `busy`. There may be very many, so an object is
 * small.
 */
export class ResourceHandle implements Remains, OperationHandle {
  readonly kind: ResourceKind;
  /** What the inspector and errors call it: a path, an address. */
  readonly label: string;
  readonly index: number;
  readonly generation: number;
  /** Number for the inspector, unique in the process. */
  readonly number: number = nextResourceNumber++;
  phase: "open" | "closing" | "closed" = "open";
  /** Some operation was submitted on it. */
  used = false;
  /** How much its peer said last; little is what was its first, or did not fill the buffer. */
  said: "nothing" | "little" | "much" = "nothing";
  /**
   * The resource, while an operation is in flight on it or something else holds it. Handles can be reached for as long
   * as they are open, so a resource in use can be too, whatever has become of the object that the program had.
   */
  busy: ResourceState | undefined = undefined;
  /** The resource, where somebody wants to be told when it is closed but keeps it no longer than others do. */
  watched: WeakRef<ResourceState> | undefined = undefined;
  /** How it ends; set when it is tracked. */
  ending: ResourceEnding | undefined = undefined;

  constructor(kind: ResourceKind, label: string, index: number, generation: number) {
    this.kind = kind;
    this.label = label;
    this.index = index;
    this.generation = generation;
  }

  /**
   * Its peer says little. While more waits to be handed over than one portion, such peers are not behind those that always
   * have more to say.
   */
  get quiet(): boolean {
    return this.said !== "much";
  }

  dropped(): void {
    if (this.phase === "open") this.ending?.owner.resourceDropped(this);
  }

  /** The driver has closed it. */
  markClosed(): void {
    this.phase = "closed";
    this.ending?.owner.resourceClosed(this);
  }
}

/** Who wants to know of a resource: most have nobody. */
interface Watchers {
  onDrained: (() => void) | undefined;
  readonly holders: Set<() => void>;
}

/** There may be very many, so an object is small: what is rare is made when it is needed, and no method is private. */
export class ResourceState implements OperationResource {
  readonly handle: ResourceHandle;
  /**
   * A reset of which nobody was told, as a negative errno, because the operation that would have been had been given
   * up. The system tells of it once and says from then on that the stream is at its end.
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

  /** The handle is closed. Operations in flight that somebody still waits for will not end. */
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
