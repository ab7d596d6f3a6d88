/**
 * What is left of a resource when the program has dropped it: the driver's handle, and how it ends. It does not refer to
 * anything that the program or an operation uses, with one exception: `busy`.
 */
import type { Remains } from "../memory/dropped.js";
import type { ResourceState } from "./resource-state.js";

export type ResourceKind = "file" | "tcp-stream" | "tcp-listener" | "unix-stream" | "unix-listener" | "udp-socket";

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

/** There may be very many, so an object is small. */
export class ResourceHandle implements Remains {
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
