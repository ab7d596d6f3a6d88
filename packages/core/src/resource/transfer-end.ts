/** What ends a transfer of many operations early, and what its caller is told then. */
import { addAbortListener, reasonOf, removeAbortListener } from "../base/abort-listeners.js";
import { BatonError, batonError } from "../base/errors.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { ResourceState } from "../operation/resource-state.js";

/** Ends of a transfer that end it when they close, because none of its operations is sure to. */
export interface WatchedEnds {
  /** A file that bytes go to: it waits for those that are on their way. */
  readonly sink?: ResourceState;
  /** The connection that they come from. */
  readonly source?: ResourceState | undefined;
}

/** Everything that can end a transfer early, as one signal for its operations. */
export class TransferEnd {
  readonly early: EarlyEnd;
  readonly #where: string;
  readonly #dispatcher: Dispatcher;
  readonly #given: EarlyEnd | undefined;
  readonly #controller = new AbortController();
  readonly #timer: unknown;
  readonly #letGo: (() => void) | undefined;
  readonly #unwatch: (() => void) | undefined;
  #cause: "signal" | "timeout" | "close" | undefined = undefined;
  readonly #onAbort = () => this.#end("signal");

  constructor(where: string, dispatcher: Dispatcher, given: EarlyEnd | undefined, { sink, source }: WatchedEnds) {
    this.#where = where;
    this.#dispatcher = dispatcher;
    this.#given = given;
    this.early = { signal: this.#controller.signal, timeoutMs: undefined, abandon: false };
    if (given?.signal !== undefined) addAbortListener(given.signal, this.#onAbort);
    if (given?.timeoutMs !== undefined) {
      this.#timer = dispatcher.clock.after(given.timeoutMs, () => this.#end("timeout"));
    }
    this.#letGo = sink?.hold(() => this.#end("close"));
    this.#unwatch = source?.whenClosing(() => this.#end("close"));
  }

  #end(cause: "signal" | "timeout" | "close"): void {
    this.#cause ??= cause;
    this.#controller.abort();
  }

  /** The error that the caller gets, with the exact count. */
  explain(error: unknown, bytesTransferred: number): unknown {
    const driver = this.#dispatcher.driverName;
    const where = this.#where;
    const early = this.#controller.signal.aborted && isAbort(error) ? this.#cause : undefined;
    if (early === "signal") {
      const cause = reasonOf(this.#given?.signal);
      return batonError("ABORT_ERR", `${where}: aborted.`, { cause, driver, bytesTransferred });
    }
    if (early === "timeout") {
      const message = `${where}: not done within ${this.#given?.timeoutMs} ms.`;
      return batonError("ERR_TIMEOUT", message, { driver, bytesTransferred });
    }
    if (early === "close") {
      const code = this.#dispatcher.requests.closed ? "ERR_BACKEND_CLOSED" : "ERR_RESOURCE_CLOSED";
      return batonError(code, `${where}: the file or connection was closed meanwhile.`, { driver, bytesTransferred });
    }
    if (error instanceof BatonError) {
      // The error of the operation that failed has the count of that operation alone, and a buffer that is not the
      // caller's.
      Object.defineProperty(error, "bytesTransferred", { value: bytesTransferred, enumerable: true });
      if ("buffer" in error) Object.defineProperty(error, "buffer", { value: undefined, enumerable: false });
    }
    return error;
  }

  clear(): void {
    if (this.#given?.signal !== undefined) removeAbortListener(this.#given.signal, this.#onAbort);
    if (this.#timer !== undefined) this.#dispatcher.clock.clear(this.#timer);
    this.#letGo?.();
    this.#unwatch?.();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "ABORT_ERR"));
}
