/**
 * The orphan ledger: operations whose callers gave them up while the driver had them. Nothing is freed early on
 * their account: buffer and handle wait for the final completion, however long it takes.
 */
import type { Entry } from "./entry.js";

/** What `io.inspect().orphans` shows. */
export interface OrphanStats {
  /** Orphans that the driver still has. */
  readonly inFlight: number;
  /** Orphans since the start. */
  readonly total: number;
}

export class OrphanLedger {
  readonly #orphans = new Set<Entry>();
  #total = 0;

  adopt(entry: Entry): void {
    this.#orphans.add(entry);
    this.#total++;
  }

  /** Its final completion has come. */
  ended(entry: Entry): void {
    this.#orphans.delete(entry);
  }

  stats(): OrphanStats {
    return { inFlight: this.#orphans.size, total: this.#total };
  }
}
