/** The simulated kernel as its parts know it: what they share, and nothing that they do. */
import type { Descriptors } from "./descriptors.js";
import type { EventHash } from "./event-hash.js";
import type { FaultDice } from "./faults.js";
import type { SimFileSystem } from "./file-system.js";
import type { Description } from "./handles.js";
import type { Ledger } from "./ledger.js";
import type { SimNetwork } from "./network.js";
import type { PlantedBug } from "./planted-bug.js";
import type { Timeline } from "./timeline.js";

/** One machine: time, files and network, shared by all sessions of a simulation. */
export interface Kernel {
  readonly timeline: Timeline;
  readonly dice: FaultDice;
  readonly hash: EventHash;
  readonly ledger: Ledger;
  readonly files: SimFileSystem;
  readonly network: SimNetwork;
  readonly descriptors: Descriptors<Description>;
  /** The bug to show, if any. */
  readonly bug: PlantedBug | undefined;
  /** Bytes that a connection holds in each direction. */
  readonly socketBufferBytes: number;
  /** Most handles open in a session; may change while it runs. */
  handlesMax: number;
  /** Notes that core, or whoever submits, broke the contract. */
  violate(text: string): void;
}
