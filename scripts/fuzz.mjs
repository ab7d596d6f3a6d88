// @ts-check
/**
 * `npm run fuzz -- NAME …`: runs a fuzzer.
 *
 *   npm run fuzz -- sim 42          one seed, with what it did
 *   npm run fuzz -- sim 1-20000     a range of seeds
 *   npm run fuzz -- sim --canary    planted bugs, each of which must be caught
 *   npm run fuzz                    the fuzzers there are
 */
import { fuzzers } from "../tests/fuzz/fuzzers.mjs";
import { setUpOrExit } from "./setup.mjs";

const [name, ...args] = process.argv.slice(2);
const fuzzer = name === undefined ? undefined : fuzzers[name];
if (fuzzer === undefined) {
  if (name !== undefined) console.error(`fuzz: there is no fuzzer ${name}`);
  for (const [each, { summary }] of Object.entries(fuzzers)) console.error(`  ${each.padEnd(8)} ${summary}`);
  process.exitCode = 2;
} else {
  await setUpOrExit();
  const { run } = await fuzzer.load();
  process.exitCode = await run(args);
}
