/** A simulated machine: files, network and time in memory, and a driver over them. */

import type { Capabilities, Clock, Driver, FeatureName } from "@baton-io/core";
import { type DriverSession, defineCapabilities } from "@baton-io/core/driver";
import { simCapabilities } from "./abilities.js";
import { createDescriptors, type SimDescriptors } from "./adopt.js";
import { type ConnectionBook, ConnectionBooks } from "./connection-books.js";
import { Descriptors } from "./descriptors.js";
import { EventHash } from "./event-hash.js";
import { calmFaults, FaultDice, type FaultName, resolveFaults, type SimFaultsOption } from "./faults.js";
import { SimFileSystem, type SimFiles } from "./file-system.js";
import { type LinkLocal, simLinkLocal } from "./interfaces.js";
import type { Kernel } from "./kernel.js";
import { Ledger } from "./ledger.js";
import { SimNetwork } from "./network.js";
import type { PlantedBug } from "./planted-bug.js";
import { Random } from "./random.js";
import { SimSession } from "./session.js";
import { Timeline } from "./timeline.js";

const SOCKET_BUFFER_BYTES_DEFAULT = 65_536;
const DISK_BYTES_DEFAULT = 256 * 1024 * 1024;
const HANDLES_MAX_DEFAULT = 65_536;
const EVENTS_MAX_DEFAULT = 5_000_000;

export interface SimulationOptions {
  /** Decides everything that is left to chance; a non-negative integer. The same seed takes the same way. */
  readonly seed: number;
  /** What goes wrong, and how often. Default `"calm"`: nothing. */
  readonly faults?: SimFaultsOption;
  /** Bytes a connection holds in each direction. Default 65,536. */
  readonly socketBufferBytes?: number;
  /** Size of the simulated disk; beyond it `ENOSPC`. Default 256 MiB. */
  readonly diskBytes?: number;
  /** Most handles open in one session; beyond it `EMFILE`. Default 65,536. */
  readonly handlesMax?: number;
  /** Features that the driver shall lack, to test what is done without them. */
  readonly without?: readonly FeatureName[];
  /** After so many events the simulation stops with a violation: the program runs in circles. Default 5,000,000. */
  readonly eventsMax?: number;
  /** A bug for the driver to have: see `plantedBugTable`. */
  readonly plantedBug?: PlantedBug | undefined;
}

/** A machine that exists in memory only. Give `driver` and `clock` to `createBackend`. */
export interface Simulation {
  readonly seed: number;
  /** May be opened several times: the backends share files and network. */
  readonly driver: Driver;
  /** Virtual time. */
  readonly clock: Clock;
  /** The simulated files, as a test sees them from outside. */
  readonly files: SimFiles;
  /** Fingerprint of all that has happened: equal hashes mean that two runs took the same way. */
  readonly hash: string;
  /** Things that have happened. */
  readonly events: number;
  readonly ledger: Ledger;
  /** How often each fault has happened. */
  readonly faults: Readonly<Record<FaultName, number>>;
  /** What core did that the contract forbids, as sentences; stays empty. */
  readonly violations: readonly string[];
  /** Client ports of connections that the simulated network broke: bytes may be missing on these, on no others. */
  readonly brokenConnections: ReadonlySet<number>;
  /** What both ends of each internet connection came to, by the client's port. */
  readonly connectionBooks: ReadonlyMap<number, ConnectionBook>;
  /** An address of the machine that is one of its interface only. */
  readonly linkLocal: LinkLocal;
  /** Descriptors that the program has beside its backends, for `io.adoptFile` and its like. */
  readonly descriptors: SimDescriptors;
  /** From here on so many handles may be open in a session at most: `EMFILE` beyond it. */
  limitHandles(handlesMax: number): void;
  /** No faults from here on: what is in flight must come to its end in bounded virtual time. */
  calm(): void;
  /** Resolves when nothing is going to happen any more. */
  idle(): Promise<void>;
  /** Resolves when the simulation has given up on a program that runs in circles; `violations` says so. */
  readonly stopped: Promise<void>;
}

/**
 * Makes a machine. A program runs on it by itself: simulated events happen one by one, each in a macrotask of its
 * own, and time jumps from one to the next. A program that also waits for real time is not repeatable.
 *
 * @example
 * const simulation = createSimulation({ seed: 42, faults: "rough" });
 * await using io = createBackend({ driver: simulation.driver, clock: simulation.clock });
 * await io.sleep(60_000); // returns at once
 */
export function createSimulation(options: SimulationOptions): Simulation {
  const random = new Random(options.seed);
  const hash = new EventHash();
  const ledger = new Ledger();
  const violations: string[] = [];
  const dice = new FaultDice(random, resolveFaults(options.faults));
  const timeline = new Timeline({
    hash,
    tieOrder: () => dice.tieOrder(),
    onFault: (error) => violations.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    eventsMax: options.eventsMax ?? EVENTS_MAX_DEFAULT,
  });
  const files = new SimFileSystem(() => timeline.nowUs, options.diskBytes ?? DISK_BYTES_DEFAULT);
  const kernel: Kernel = {
    timeline,
    dice,
    hash,
    ledger,
    connections: new ConnectionBooks(),
    files,
    network: new SimNetwork(),
    descriptors: new Descriptors(),
    bug: options.plantedBug,
    socketBufferBytes: options.socketBufferBytes ?? SOCKET_BUFFER_BYTES_DEFAULT,
    handlesMax: options.handlesMax ?? HANDLES_MAX_DEFAULT,
    violate: (text) => violations.push(text),
  };
  const capabilities = withoutFeatures(options.without ?? []);
  return {
    seed: options.seed,
    driver: {
      name: "sim",
      probe: () => ({ available: true, capabilities, evidence: [{ name: "seed", value: String(options.seed) }] }),
      open: (host, limits): DriverSession => new SimSession(kernel, capabilities, host, limits),
    },
    clock: timeline.clock,
    files: files.files(),
    get hash() {
      return hash.text;
    },
    get events() {
      return timeline.events;
    },
    ledger,
    faults: dice.counts,
    violations,
    brokenConnections: kernel.connections.broken,
    connectionBooks: kernel.connections.ends,
    linkLocal: simLinkLocal,
    descriptors: createDescriptors(kernel),
    limitHandles: (handlesMax) => {
      kernel.handlesMax = handlesMax;
    },
    calm: () => {
      dice.profile = calmFaults;
    },
    idle: () => timeline.idle(),
    stopped: timeline.stopped,
  };
}

function withoutFeatures(names: readonly FeatureName[]): Capabilities {
  if (names.length === 0) return simCapabilities;
  const features = Object.entries(simCapabilities.features).filter(([name]) => !names.includes(name as FeatureName));
  return defineCapabilities(
    { operations: simCapabilities.operations, features: Object.fromEntries(features) },
    "left out of this simulation",
  );
}
