// @ts-check
/** Tools of `node_modules`, run by the Node that runs this. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "../child.mjs";

/** No colours: the output is kept, and may end in a file. */
const PLAIN = { NO_COLOR: "1", FORCE_COLOR: "0" };

/**
 * Runs a tool to its end. One that is not there has failed, as any other: a check that was not made is not passed.
 *
 * @param {string} root
 * @param {string} script Path below `node_modules`, or from the root when it starts with `./`.
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function runTool(root, script, args, env = {}) {
  const file = script.startsWith("./") ? script.slice(2) : `node_modules/${script}`;
  const path = join(root, file);
  if (!existsSync(path)) return { code: 127, output: `there is no ${file}\n`, stdout: "" };
  return runQuietly(process.execPath, [path, ...args], { cwd: root, env: { ...process.env, ...PLAIN, ...env } });
}

/**
 * A stage that is one tool: it passes when the tool exits with 0.
 *
 * @param {{ code: number, output: string }} result
 * @returns {import("./stage.mjs").StageResult}
 */
export function oneCheck({ code, output }) {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: output };
}
