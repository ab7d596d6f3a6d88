// @ts-check
/** What a result has to be read together with: the machine and the versions. */
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { findProgram } from "../scripts/setup/system-packages.mjs";

/** @param {string} path From the root of the repository. */
function packageVersion(path) {
  return String(JSON.parse(readFileSync(new URL(`../${path}/package.json`, import.meta.url), "utf8")).version);
}

/** Plain data for the report. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    kernel: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    libuv: process.versions.uv,
    baton: packageVersion("packages/core"),
  };
}

/** Load of the last minute: on a machine that others use at the same time, figures are not to be trusted. */
export function loadOfMachine() {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/** Numbers of the cores that processes can be bound to here; empty where that is not possible. @returns {number[]} */
export function bindableCores() {
  if (platform() !== "linux" || findProgram("taskset") === undefined) return [];
  const line = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  return line.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
