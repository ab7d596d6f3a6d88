/** The simulated kernel as sessions know it. */
import type { Descriptors } from "./descriptors.js";
import type { SimFileSystem } from "./file-system.js";
import type { Description } from "./handles.js";
import type { Machine } from "./machine.js";
import type { SimNetwork } from "./network.js";

/** One machine with its files and its network. */
export interface Kernel extends Machine {
  readonly files: SimFileSystem;
  readonly network: SimNetwork;
  readonly descriptors: Descriptors<Description>;
}
