/** The simulated machine as its parts know it: what they share, and nothing that they do. */
import type { ConnectionBooks } from "./connection-books.js";
import type { EventHash } from "./event-hash.js";
import type { FaultDice } from "./faults.js";
import type { Ledger } from "./ledger.js";
import type { PlantedBug } from "./planted-bug.js";
import type { Timeline } from "./timeline.js";

/** Time, chance and books, shared by all sessions of a simulation. */
export interface Machine {
  readonly timeline: Timeline;
  readonly dice: FaultDice;
  readonly hash: EventHash;
  readonly ledger: Ledger;
  readonly connections: ConnectionBooks;
  /** The bug to show, if any. */
  readonly bug: PlantedBug | undefined;
  /** Bytes that a connection holds in each direction. */
  readonly socketBufferBytes: number;
  /** Most handles open in a session; may change while it runs. */
  handlesMax: number;
  /** Notes that core, or whoever submits, broke the contract. */
  violate(text: string): void;
}
