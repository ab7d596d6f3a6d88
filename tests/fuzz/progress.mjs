// @ts-check
/** One line that says how far it is, on a terminal only. */

const REDRAW_MS = 100;

export class Progress {
  #done = 0;
  #drawnMs = 0;

  /**
   * @param {string} what
   * @param {number} total
   */
  constructor(what, total) {
    this.what = what;
    this.total = total;
  }

  /** @param {number} failed how many of those that are done */
  step(failed) {
    this.#done++;
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const failures = failed > 0 ? `, ${failed} failed` : "";
    process.stderr.write(`\r\u001b[K${this.#done} of ${this.total} ${this.what}${failures}`);
  }

  /** Makes room for other output. */
  clear() {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}
