/**
 * Specimens: one of each operation, described once, so that what holds for all operations is written once and
 * tried on each. A new operation gets every cross-cutting case by one more row in `file-specimens.ts` or
 * `socket-specimens.ts`.
 */
import type {
  Backend,
  Lendable,
  Operation,
  OperationOptions,
  OwnedBuffer,
  Request,
  TransferOptions,
} from "@baton-io/core";
import type { Need } from "../conformance/case.js";
import type { CaseContext } from "../conformance/context.js";

/** One kind of operation. */
export interface Specimen {
  readonly id: string;
  /** Completes a sentence: "a read at a position". */
  readonly title: string;
  readonly needs: readonly Need[];
  /** It stays in flight until `Stage.finish`, so that whatever comes meanwhile finds it there. */
  readonly waits: boolean;
  /** What a driver must support for a cancel to find it in flight. */
  readonly cancelNeeds?: Need;
  /** It can be ended well: not so a timer that is set to a minute. */
  readonly finishes: boolean;
  /** It takes `signal`, `timeoutMs` and `onAbort`. */
  readonly takesOptions: boolean;
  /** It can be submitted as a request. */
  readonly submittable: boolean;
  /** It is on a resource that can be closed under it. */
  readonly onResource: boolean;
  /** What it does with its buffer. */
  readonly buffer: "none" | "exclusive" | "shared";
  /** It has no options that name a part of the buffer. */
  readonly wholeBuffers?: boolean;
  prepare(context: CaseContext): Promise<Stage>;
}

/** Something with an end, as far as a trait needs to know it. */
export interface Closable {
  readonly closed: boolean;
  close(): Promise<unknown>;
}

/** A specimen, ready to be asked for. */
export interface Stage {
  /** What the operation is on; absent when it is on the backend itself. */
  readonly resource?: Closable;
  /** What it carries. */
  readonly buffer?: OwnedBuffer;
  /** The same for a vectored operation. */
  readonly buffers?: readonly OwnedBuffer[];
  /** Asks for it by its method. */
  call(options?: OperationOptions): Promise<unknown>;
  /** The request for `io.submit`: a new object with every call. */
  request?(options?: OperationOptions): Request;
  /** Asks for it with another buffer, or another part of one. */
  transfer?(buffer: Lendable, options?: TransferOptions): Promise<unknown>;
  /** Lets an operation that waits end well. */
  finish(): Promise<void>;
  /** Checks what it resolved with, and puts away what came with it. */
  check(result: unknown): Promise<void>;
  /** Puts everything away. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Submits a staged operation. */
export function submitStaged(io: Backend, stage: Stage, options?: OperationOptions): Operation<unknown> {
  return io.submit(stage.request!(options));
}

/** Puts away, in order: buffers are released, resources closed, unless they are already. */
export function putAway(...things: (AsyncDisposable | Disposable | undefined)[]): () => Promise<void> {
  return async () => {
    for (const thing of things) {
      if (thing === undefined) continue;
      if (Symbol.asyncDispose in thing) await thing[Symbol.asyncDispose]();
      else thing[Symbol.dispose]();
    }
  };
}

/** Nothing keeps the operation waiting. */
export async function endsByItself(): Promise<void> {}
