// @ts-check
/** Random records against the native engines, built with the sanitizers. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const SECONDS_DEFAULT = 60;
/** A test program in C++ is ended after two minutes. */
const SECONDS_MAX = 100;

const script = fileURLToPath(new URL("../../scripts/test-native.mjs", import.meta.url));

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function run(args) {
  const [seconds = SECONDS_DEFAULT, seed = 1] = args.map(Number);
  if (args.length > 2 || !(seconds >= 1 && seconds <= SECONDS_MAX) || !Number.isInteger(seed)) {
    console.error(`usage: npm run fuzz -- records [SECONDS, at most ${SECONDS_MAX} [FIRST SEED]]`);
    return 2;
  }
  const env = { ...process.env, BATON_FUZZ_MS: String(seconds * 1000), BATON_FUZZ_SEED: String(seed) };
  return spawnSync(process.execPath, [script, "record_fuzz_test"], { env, stdio: "inherit" }).status ?? 1;
}
