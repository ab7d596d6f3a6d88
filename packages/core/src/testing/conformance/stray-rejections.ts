/**
 * Rejections that nobody waits for, while a run lasts. A case that has failed leaves promises behind that reject when
 * its backend is closed; without this they would end the process, and with it the run.
 */
export class StrayRejections {
  #first: { readonly reason: unknown } | undefined = undefined;
  readonly #keep = (reason: unknown): void => {
    this.#first ??= { reason };
  };

  constructor() {
    globalThis.process?.on("unhandledRejection", this.#keep);
  }

  /** The first since the last call; the runtime tells of them when the microtasks are done. */
  async take(): Promise<{ readonly reason: unknown } | undefined> {
    await new Promise((resolve) => setTimeout(resolve));
    const first = this.#first;
    this.#first = undefined;
    return first;
  }

  stop(): void {
    globalThis.process?.off("unhandledRejection", this.#keep);
  }
}
