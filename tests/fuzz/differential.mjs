// @ts-check
/** The same seeded scripts through every driver that runs here, the simulated one and `node:fs`. */
import { replay, Worlds } from "../differential/compare.mjs";
import { makeScript } from "../differential/script.mjs";
import { Progress } from "./progress.mjs";

const SEEDS_DEFAULT = 5000;
/** So many failing seeds are shown. */
const SHOWN_MAX = 10;

const candidates = [
  { name: "uring", load: async () => (await import("@baton-io/driver-uring")).uringDriver },
  { name: "epoll", load: async () => (await import("@baton-io/driver-epoll")).epollDriver },
  { name: "libuv", load: async () => (await import("@baton-io/driver-libuv")).libuvDriver },
];

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function run(args) {
  const range = /^(\d+)(?:-(\d+))?$/.exec(args[0] ?? `1-${SEEDS_DEFAULT}`);
  const from = Number(range?.[1]);
  const to = Number(range?.[2] ?? range?.[1]);
  if (range === null || args.length > 1 || to < from) {
    console.error("usage: npm run fuzz -- differential [SEED | FROM-TO]");
    return 2;
  }
  const worlds = new Worlds(await availableDrivers());
  try {
    return await runSeeds(worlds, from, to);
  } finally {
    await worlds.close();
  }
}

/** @param {Worlds} worlds @param {number} from @param {number} to */
async function runSeeds(worlds, from, to) {
  const progress = new Progress("scripts", to - from + 1);
  const startMs = performance.now();
  const failed = await worlds.runRange(from, to, (count) => progress.step(count));
  progress.clear();
  for (const { seed, failures } of failed.slice(0, SHOWN_MAX)) {
    console.log(`seed ${seed} failed:`);
    for (const failure of failures) console.log(`  ${failure}`);
    console.log(`replay: ${replay(seed)}`);
  }
  if (from === to) for (const step of makeScript(from).steps) console.log(JSON.stringify(step));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${worlds.names.join(", ")}: ${to - from + 1} scripts in ${seconds} s`);
  console.log(`${to - from + 1 - failed.length} scripts passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

/** Drivers that can run here; the others are named, with the reason. */
async function availableDrivers() {
  const drivers = [];
  for (const { name, load } of candidates) {
    try {
      const createDriver = await load();
      const probe = createDriver().probe();
      if (probe.available) drivers.push({ name, createDriver: () => createDriver() });
      else console.log(`differential: without ${name}: ${probe.cause}: ${probe.summary}`);
    } catch (error) {
      console.log(`differential: without ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return drivers;
}
