/** Node's permission model: whatever is not allowed is a finding with its remedy, and another driver is used. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { needIoUring, run } from "./real-runs.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** Node 20 has it under another name. */
const PERMISSION = Number(process.versions.node.split(".")[0]) < 22 ? "--experimental-permission" : "--permission";

const SCRIPT = `
  import { openBackend } from "@baton-io/detect";
  const io = await openBackend();
  await io.sleep(1);
  await io.close();
  console.log(io.driver);`;

/** What a program prints that may do so much. */
async function runWith(...allowed: readonly string[]) {
  const { stdout, stderr } = await run([
    process.execPath,
    "--no-warnings",
    PERMISSION,
    ...allowed,
    "--input-type=module",
    "--eval",
    SCRIPT,
  ]);
  return { stdout: stdout.trim(), stderr };
}

describe("Node's permission model", () => {
  test("with leave to read and to load addons: io_uring is used, and no child process is needed", async (context) => {
    await needIoUring(context);
    expect(await runWith("--allow-fs-read=*", "--allow-addons")).toEqual({ stdout: "uring", stderr: "" });
  });

  test("without leave to read /proc: io_uring is used all the same", async (context) => {
    await needIoUring(context);
    const { stdout, stderr } = await runWith(`--allow-fs-read=${root}*`, "--allow-addons");
    expect(stdout, stderr).toBe("uring");
  });

  test("without leave to load addons: libuv, and the cause is told", async () => {
    const { stdout, stderr } = await runWith("--allow-fs-read=*");
    expect(stdout, stderr).toBe("libuv");
    expect(stderr).toMatch(/RUNTIME_PERMISSION/);
  });
});
