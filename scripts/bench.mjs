// @ts-check
/** `npm run bench`: set-up where it is needed, then the benchmarks. */
import { setUpOrExit } from "./setup.mjs";

await setUpOrExit();
const { runBench } = await import("../bench/runner.mjs");
await runBench(process.argv.slice(2));
