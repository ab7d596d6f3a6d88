// @ts-check
/**
 * `npm run life`: the tests of process life, sanitizers and scale in the amounts that the promises are made for, which
 * take an hour rather than a minute. Arguments go to vitest: `npm run life -- tests/scale -t uring`.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const given = process.argv.slice(2);
const paths = given.some((one) => /^(tests|packages)\//.test(one))
  ? []
  : [
      "tests/life",
      "tests/sanitizers",
      "tests/scale",
      "packages/core/test/sim/conformance.test.ts",
      "packages/driver-uring/test/feature-masks.test.ts",
    ];
// One file at a time: they count, and measure, what the whole machine does.
const args = ["run", "--no-file-parallelism", "--reporter=verbose", ...paths, ...given];
const { status } = spawnSync(process.execPath, [`${root}node_modules/vitest/vitest.mjs`, ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, BATON_LONG: "1" },
});
process.exitCode = status ?? 1;
