/**
 * A random program over a simulated machine: actors with files, connections, timers, buffers and batches, which end
 * their operations early in every way there is, while the machine does everything a machine may do. At its end the
 * books must balance.
 */
import { createBackend } from "@baton-io/core";
import { calmFaults, type FaultName, faultTable, roughFaults, type SimFaults } from "../faults.js";
import type { PlantedBug } from "../planted-bug.js";
import { Random } from "../random.js";
import { createSimulation } from "../simulation.js";
import { chainActor } from "./chain-actor.js";
import { Context } from "./context.js";
import { datagramActor } from "./datagram-actor.js";
import { appendActor, positionalFileActor, sequentialReadActor } from "./file-actor.js";
import { idleActor } from "./idle-actor.js";
import { nameActor } from "./name-actor.js";
import { checkAtEnd, checkAtRest, HeldBuffers } from "./oracle.js";
import { ownPositionActor } from "./own-position-actor.js";
import { pipeActor } from "./pipe-actor.js";
import { shortageActor } from "./shortage-actor.js";
import { batchActor, misuseActor, pathActor, poolActor, timerActor } from "./small-actors.js";
import { socketActor } from "./socket-actor.js";
import { stalledActor } from "./stalled-actor.js";

export interface SimProgramOptions {
  /** Decides what the program does and what the machine does; a non-negative integer. */
  readonly seed: number;
  /** A bug for the driver to have. */
  readonly plantedBug?: PlantedBug | undefined;
}

/** What a run of a random program came to. */
export interface SimProgramReport {
  readonly seed: number;
  /** What went wrong, as sentences; empty when nothing did. */
  readonly failures: readonly string[];
  /** Fingerprint of the run: the same for the same seed. */
  readonly hash: string;
  readonly events: number;
  /** Operations that the program started. */
  readonly operations: number;
  /** How often they ended with each code, `"ok"` for the good end. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<FaultName, number>>;
}

/** Everything must have ended so long after the faults are off, virtual milliseconds. */
const CALM_MS_MAX = 20_000;
/** With so few, actors that hold some and wait for more can wait for each other. */
const HANDLES_FEW = 20;
const EVENTS_MAX = 100_000;

/**
 * Runs one program. Never rejects: what goes wrong is in the report.
 *
 * @example
 * const { failures } = await runSimProgram({ seed: 42 });
 */
export async function runSimProgram(options: SimProgramOptions): Promise<SimProgramReport> {
  const random = new Random(options.seed);
  const isAbrupt = random.chance(0.15);
  const hasSockets = random.chance(0.75);
  const handlesMax = random.pick([HANDLES_FEW, 1000]);
  const simulation = createSimulation({
    seed: random.next(),
    faults: faultsOf(random, isAbrupt),
    socketBufferBytes: random.pick([64, 500, 4096, 65_536]),
    handlesMax,
    without: optionalFeatures.filter(() => random.chance(0.25)),
    eventsMax: EVENTS_MAX,
    plantedBug: options.plantedBug,
  });
  const io = createBackend({
    driver: simulation.driver,
    clock: simulation.clock,
    // Connections hold operations while they wait for each other: with too few of them nobody could go on.
    operationsMax: hasSockets ? random.pick([64, 256]) : random.pick([1, 4, 64]),
    operationsWaitingMax: random.pick([0, 16, 1000]),
    poolBytesMax: random.pick([131_072, 524_288]),
    arenaBytes: 16_384,
    receiveBufferBytes: random.pick([64, 512, 2048]),
    receiveBuffersMax: random.between(1, 6),
    // What is collected when is not repeatable.
    leakDetection: false,
  });
  const context = new Context(io, simulation);
  await Promise.race([live(context, random, { isAbrupt, hasSockets, handlesMax }), simulation.stopped]);
  return {
    seed: options.seed,
    failures: [...context.failures, ...simulation.violations],
    hash: simulation.hash,
    events: simulation.events,
    operations: context.started,
    outcomes: context.outcomes,
    faults: simulation.faults,
  };
}

/** What core does without in its own way. */
const optionalFeatures = ["multishotAccept", "multishotReceive", "links", "linkTimeout"] as const;

/** What kind of program it is. */
interface Plan {
  /** Its backend is closed under it. */
  readonly isAbrupt: boolean;
  readonly hasSockets: boolean;
  readonly handlesMax: number;
}

/** Runs the actors, ends the faults, closes the backend and looks at what is left. */
async function live(context: Context, random: Random, plan: Plan): Promise<void> {
  const { isAbrupt } = plan;
  const { simulation } = context;
  const { clock } = simulation;
  const calmTimer = clock.after(random.between(5, 60), () => simulation.calm());
  const actors = Promise.all(startActors(context, random, plan)).catch((error: unknown) => {
    const stack = error instanceof Error ? error.stack : undefined;
    context.fail(`an actor throws: ${stack ?? String(error)}`);
  });
  if (isAbrupt) {
    // Ends with the backend, or not within anybody's patience.
    void context.end("an endless sleep", context.io.sleep(1_000_000));
    await context.pause(random.below(20_000) / 1000);
    context.closing = true;
  } else {
    await withDeadline(context, "the actors", actors);
    simulation.calm();
    // What was given up ends by itself.
    await context.pause(200);
    await checkAtRest(context);
  }
  const held = new HeldBuffers(context);
  const unconfirmed = await closeBackend(context, random, isAbrupt);
  context.closing = true;
  clock.clear(calmTimer);
  simulation.calm();
  await withDeadline(context, "the actors of a closed backend", actors);
  await held.release();
  await checkAtEnd(context, unconfirmed, isAbrupt);
}

function startActors(context: Context, random: Random, { hasSockets, handlesMax }: Plan): Promise<void>[] {
  const actors: Promise<void>[] = [];
  const start = (probability: number, actor: (random: Random, path: string) => Promise<void>) => {
    const chance = random.fork();
    if (random.chance(probability)) actors.push(actor(chance, `/tmp/file-${actors.length}`));
  };
  start(hasSockets ? 1 : 0, (chance) => socketActor(context, chance));
  start(hasSockets ? 0.25 : 0, (chance) => socketActor(context, chance));
  start(hasSockets ? 0.4 : 0.8, (chance, path) => positionalFileActor(context, chance, path));
  start(0.4, (chance, path) => sequentialReadActor(context, chance, path));
  start(0.4, (chance, path) => appendActor(context, chance, path));
  start(0.5, (chance, path) => ownPositionActor(context, chance, path));
  start(hasSockets ? 0.3 : 0, (chance, path) => pipeActor(context, chance, path));
  start(0.3, (chance, path) => nameActor(context, chance, path));
  start(0.4, (chance, path) => chainActor(context, chance, path));
  start(hasSockets ? 0.3 : 0, (chance) => idleActor(context, chance));
  start(hasSockets && handlesMax > HANDLES_FEW ? 0.3 : 0, (chance) => stalledActor(context, chance));
  start(0.3, (chance) => shortageActor(context, chance, handlesMax));
  start(hasSockets ? 0.4 : 0, (chance) => datagramActor(context, chance));
  start(0.3, (chance) => timerActor(context, chance));
  start(0.3, (chance) => poolActor(context, chance));
  start(0.3, (chance, path) => batchActor(context, chance, path));
  start(0.3, (chance, path) => pathActor(context, chance, path));
  start(actors.length === 0 ? 1 : 0.3, (chance, path) => misuseActor(context, chance, path));
  return actors;
}

/** Waits for it, but not for ever: what does not end is a failure, with what is still in flight. */
async function withDeadline(context: Context, what: string, promise: Promise<unknown>): Promise<void> {
  let timer: unknown;
  const deadline = new Promise<void>((resolve) => {
    timer = context.simulation.clock.after(CALM_MS_MAX, () => {
      const { operations, resources, buffers } = context.io.inspect();
      const pending = [...context.pending].map(({ where }) => where);
      const shown = JSON.stringify({ pending, operations, resources, buffers });
      context.fail(`${what} did not end within ${CALM_MS_MAX} virtual ms: ${shown.slice(0, 2000)}`);
      resolve();
    });
  });
  await Promise.race([promise, deadline]);
  context.simulation.clock.clear(timer);
}

/** Closes the backend; how many operations its driver could not confirm. */
async function closeBackend(context: Context, random: Random, isAbrupt: boolean): Promise<number> {
  const { io, simulation } = context;
  const deadlineMs = isAbrupt ? random.pick([0, 1, 5, 50, 5000]) : 5000;
  // With time enough and no more trouble everything comes to its end by itself.
  const endsInTime = deadlineMs === 5000 && simulation.faults.stuck === 0;
  if (endsInTime) simulation.calm();
  const startMs = context.nowMs;
  const ended = await context.end("close of the backend", io.close({ deadlineMs }));
  if (!ended.ok) {
    context.fail(`close: rejects with ${ended.error.code}`);
    return 0;
  }
  const { unconfirmedOperations, resourcesClosed } = ended.value;
  const tookMs = context.nowMs - startMs;
  const { handlesForceClosed } = simulation.ledger;
  if (endsInTime) {
    context.expect(unconfirmedOperations === 0, () => `close: ${unconfirmedOperations} operations are unconfirmed`);
    context.expect(tookMs < 1000, () => `close: took ${tookMs} virtual ms`);
  }
  context.expect(isAbrupt || resourcesClosed === 0, () => `close: ${resourcesClosed} resources were still open`);
  // Slack for what happens at the deadline itself.
  context.expect(tookMs <= deadlineMs + 1, () => `close: took ${tookMs} ms with a deadline of ${deadlineMs} ms`);
  if (tookMs < deadlineMs - 1) {
    context.expect(handlesForceClosed === 0, () => `close: left ${handlesForceClosed} handles to the driver`);
  }
  return unconfirmedOperations;
}

/** Another set of faults for every seed: what hides behind one fault shows where that one is off. */
function faultsOf(random: Random, isAbrupt: boolean): SimFaults {
  if (random.chance(0.05)) return calmFaults;
  const faults: Record<string, number> = { ...roughFaults };
  for (const [name] of faultTable) {
    if (name === "shuffle" || name === "stuck") continue;
    if (random.chance(0.3)) faults[name] = 0;
    else if (random.chance(0.2)) faults[name] = Math.min(0.5, roughFaults[name] * random.pick([4, 10]));
  }
  if (random.chance(0.1)) faults["inline"] = 1;
  if (random.chance(0.1)) faults["shuffle"] = 0;
  // What is stuck ends only by giving up on it.
  if (isAbrupt && random.chance(0.5)) faults["stuck"] = 0.05;
  faults["delayUsMax"] = random.pick([0, 20, 300, 1500]);
  faults["networkDelayUsMax"] = random.pick([0, 100, 1000]);
  // Every name of the table and both durations are there.
  return faults as unknown as SimFaults;
}
