// @ts-check
/** Child processes as the scripts use them: quiet, with the output kept for when it is needed. */
import { spawn } from "node:child_process";

/**
 * @typedef {object} ChildResult
 * @property {number} code Exit code; 127 when the program is not there, 128 + n when signal n ended it.
 * @property {string} output What it wrote, both streams together.
 * @property {string} stdout
 */

/**
 * Runs a program to its end and keeps its output.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, inheritInput?: boolean, timeoutMs?: number, onOutput?: (text: string) => void }} [options]
 * @returns {Promise<ChildResult>}
 */
export function runQuietly(program, args, options = {}) {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.inheritInput === true ? "inherit" : "ignore", "pipe", "pipe"],
    timeout: options.timeoutMs,
  });
  let output = "";
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    output += text;
    options.onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
    options.onOutput?.(text);
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ code: 127, output: `${error.message}\n`, stdout }));
    child.on("close", (code, signal) => {
      if (signal !== null) output += `ended by ${signal}\n`;
      resolve({ code: code ?? 128, output, stdout });
    });
  });
}

/**
 * How npm is called: by the npm that runs this script, where there is one.
 *
 * @param {readonly string[]} args
 * @returns {{ program: string, args: string[] }}
 */
export function npmCommand(args) {
  const npm = process.env["npm_execpath"];
  if (npm?.endsWith(".js")) return { program: process.execPath, args: [npm, ...args] };
  return { program: process.platform === "win32" ? "npm.cmd" : "npm", args: [...args] };
}
