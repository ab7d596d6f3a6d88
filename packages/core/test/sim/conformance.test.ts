/**
 * The kit over the simulated driver: on a calm machine, on machines that make trouble of every kind that a program
 * must not notice, and on one that lacks what a driver may lack. Each case has a machine of its own.
 */
import { type FeatureName, featureNames } from "@baton-io/core/driver";
import {
  type ConformanceCase,
  collectGarbage,
  createSimulation,
  roughFaults,
  type Simulation,
  type SimulationOptions,
  type SubjectSource,
} from "@baton-io/core/testing";
import { expect, test } from "vitest";
import { fewOperations } from "../../../../tests/conformance/few-operations.js";
import { testConformance } from "../../../../tests/conformance/test-conformance.js";
import { isLong } from "../../../../tests/life/amounts.js";

/** The simulated file system ends here. */
const FILE_BYTES_MAX = 64 * 2 ** 20;

/** Trouble that core takes care of: what is left out here are errors that a program is told of. */
const survivable = {
  ...roughFaults,
  ioError: 0,
  noSpace: 0,
  diskFull: 0,
  sizeLimit: 0,
  tooManyFiles: 0,
  reset: 0,
  resetBehindBytes: 0,
  resetAfterSend: 0,
  refused: 0,
  aborted: 0,
  datagramLost: 0,
};

/** Clauses that ask for what the contract forbids, to see it refused. */
const provoking = /^(spi-|refusal)/;

function testSimulation(name: string, options: SimulationOptions, takesTurns = false): void {
  let simulation: Simulation | undefined;
  let next = 0;
  const source: SubjectSource = () => {
    const current = createSimulation(options);
    simulation = current;
    current.files.makeDirectory("/scratch");
    current.files.makeSink("/sink");
    return {
      name,
      createDriver: () => current.driver,
      clock: current.clock,
      options: fewOperations,
      rough: options.faults !== undefined,
      collectGarbage,
      sinkPath: "/sink",
      fileBytesMax: FILE_BYTES_MAX,
      // A session has one too.
      countDescriptors: () => current.ledger.handlesOpen + current.ledger.sessionsOpen,
      exhaustDescriptors: (left) => {
        current.limitHandles(current.ledger.handlesOpen + left);
        return () => current.limitHandles(65_536);
      },
      linkLocal: current.linkLocal,
      descriptors: current.descriptors,
      scratchPath: (of) => `/scratch/${next++}-${of}`,
      makeFifos: (paths) => {
        for (const path of paths) current.files.makeFifo(path);
      },
      makePlaceless: (path) => {
        current.files.makePlaceless(path);
        return path;
      },
      setModified: (path, seconds) => {
        current.files.setModified(path, seconds);
        return BigInt(seconds * 1_000_000) * 1000n;
      },
      oracle: {
        readFile: async (path) => current.files.read(path),
        writeFile: async (path, bytes) => current.files.write(path, bytes),
      },
    };
  };
  const check = ({ clause }: ConformanceCase) => {
    if (!provoking.test(clause)) expect(simulation?.violations).toEqual([]);
  };
  testConformance(name, source, { check, takesTurns });
}

const optional: readonly FeatureName[] = featureNames;

testSimulation("sim", { seed: 1 });
testSimulation("sim-without-features", { seed: 2, without: optional }, true);
for (const seed of isLong ? [11, 12, 13] : [11])
  testSimulation(`sim-rough-${seed}`, { seed, faults: survivable }, true);

test("on two more machines that make trouble", ({ skip }) => {
  if (!isLong) skip("with BATON_LONG=1: npm run life");
});
