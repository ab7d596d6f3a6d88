/** The runtime may throw where the system would answer: that is a result of the one operation. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundlePrograms, root } from "../../../tests/life/bundle-programs.js";
import { reportOf, runProgram } from "../../../tests/life/run-program.js";

const programs = bundlePrograms(new URL("programs/permission-model.ts", import.meta.url));
const [major = 0] = process.versions.node.split(".").map(Number);

// mutant: libuv-throw-gets-out
test("what the permission model forbids fails by itself, and the rest of its batch ends as ever", async () => {
  const flag = major >= 23 ? "--permission" : "--experimental-permission";
  const ending = await runProgram(programs.path("permission-model"), {
    nodeArguments: [flag, `--allow-fs-read=${root}*`],
    arguments: ["libuv", join(root, "package.json"), join(root, ".baton", "forbidden")],
  });
  const { outcomes } = reportOf<{ outcomes: readonly string[] }>(ending);
  expect(outcomes).toEqual(["ok", "EACCES", "EACCES", "EACCES", "ok", "ok"]);
});
