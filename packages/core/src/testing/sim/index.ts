export type { SimDescriptors } from "./adopt.js";
export { EventHash } from "./event-hash.js";
export {
  calmFaults,
  type FaultName,
  faultTable,
  roughFaults,
  type SimFaults,
  type SimFaultsOption,
} from "./faults.js";
export type { SimFiles } from "./file-system.js";
export type { Ledger } from "./ledger.js";
export { type PlantedBug, plantedBugNames, plantedBugTable } from "./planted-bug.js";
export { runSimProgram, type SimProgramOptions, type SimProgramReport } from "./program/program.js";
export { Random } from "./random.js";
export { createSimulation, type Simulation, type SimulationOptions } from "./simulation.js";
