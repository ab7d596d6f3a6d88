// @ts-check
/** Mutants of detection. */
import { CORE, core, detectTest } from "../killers.mjs";

const DETECT = "packages/detect/src/";
const ASK = `${DETECT}io-uring/ask-kernel.ts`;

/** @type {readonly import("../list.mjs").Mutant[]} */
export const detection = [
  // --- Asking does no harm --------------------------------------------------------------------------------------------
  {
    name: "asked-under-a-filter",
    promise: "P12",
    file: ASK,
    find: "  return seccomp.mode === 0;",
    replace: "  return seccomp.mode !== null;",
    killedBy: detectTest("io-uring/gather", "in a child when there is a filter, and not in this process at all"),
  },
  {
    name: "filter-of-the-first-thread",
    promise: "P12",
    file: `${DETECT}io-uring/surroundings.ts`,
    find: "parseInteger(own.get(field) ?? status.get(field))",
    replace: "parseInteger(status.get(field))",
    killedBy: detectTest("io-uring/gather", "in a child when the thread that asks has a filter"),
  },
  {
    name: "probe-child-ignored",
    promise: "P12",
    file: ASK,
    find: 'setting === "auto" && isSafeToAsk(seen)',
    replace: "isSafeToAsk(seen)",
    killedBy: detectTest("io-uring/gather", "in a child without a filter too"),
  },
  {
    name: "probe-off-ignored",
    promise: "P12",
    file: ASK,
    find: '  if (setting === "off") return { kind: "switched-off", by: "BATON_PROBE=off" };\n',
    replace: "",
    killedBy: detectTest("io-uring/gather", "not at all when the operator wants it so"),
  },
  {
    name: "misspelt-probe-setting-not-told",
    promise: "P12",
    file: `${DETECT}announce.ts`,
    find: "  if (probe.misspelt !== undefined) {",
    replace: "  if (probe.misspelt === null) {",
    killedBy: detectTest("announce", "a value of BATON_PROBE that does not exist"),
  },
  // --- The cause is the right one -------------------------------------------------------------------------------------
  {
    name: "limit-on-processes-not-named",
    promise: "P12",
    file: `${DETECT}io-uring/classify.ts`,
    find: 'probe.errno === ERRNO.EAGAIN ? "PIDS" : "PROBE_UNSAFE"',
    replace: '"PROBE_UNSAFE"',
    killedBy: detectTest("io-uring/gather", "a child that cannot be made, hangs, ends too early"),
  },
  {
    name: "own-group-compared-with-the-hosts",
    promise: "P12",
    file: `${DETECT}io-uring/surroundings.ts`,
    find: 'initialUserNamespace ? undefined : sources.readText("/proc/self/gid_map")',
    replace: "undefined",
    killedBy: detectTest("io-uring/surroundings", "groups of a user namespace have the numbers of the one around it"),
  },
  {
    name: "deno-believed-to-make-rings",
    promise: "P12",
    file: `${DETECT}io-uring/classify.ts`,
    find: 'runtime.startsWith("Node ") && ',
    replace: "",
    killedBy: detectTest("io-uring/classify", "of other runtimes that says nothing"),
  },
  {
    name: "missing-descriptors-taken-for-a-missing-package",
    promise: "P12",
    file: `${DETECT}survey.ts`,
    find: "    return noDescriptors(candidate, message);",
    replace: "    return notInstalled(candidate);",
    killedBy: detectTest("detect", "NOFILE: no descriptor is left"),
  },
  {
    name: "forbidden-reading-taken-for-a-broken-package",
    promise: "P12",
    file: `${DETECT}survey.ts`,
    find: "return readingForbidden(candidate, message);",
    replace: "return loadFailed(candidate, message);",
    killedBy: detectTest("detect", "RUNTIME_PERMISSION: the runtime may not read the package"),
  },
  {
    name: "installed-package-told-to-build",
    promise: "P12",
    file: `${DETECT}cause.ts`,
    find: "    isInstalled(missing)\n",
    replace: "    isInstalled(candidate.name)\n",
    killedBy: detectTest("detect", "an installed package is installed again"),
  },
  {
    name: "installed-addon-told-to-build",
    promise: "P12",
    file: `${CORE}load-binding.ts`,
    find: "  return isInstalled(from)\n",
    replace: "  return isInstalled(name)\n",
    killedBy: core("load-binding", "is installed again, and built in a clone alone"),
  },
  {
    name: "forbidden-variable-throws",
    promise: "P12",
    file: `${CORE}environment.ts`,
    find: "        return undefined;",
    replace: '        throw new Error("forbidden");',
    killedBy: core("environment", "has the variables that may be read"),
  },
  // --- The driver's ring ----------------------------------------------------------------------------------------------
  {
    name: "short-memory-not-waited-for",
    promise: "P12",
    file: `${DETECT}io-uring/gather.ts`,
    find: "const MEMORY_WAITS_MAX = 6;",
    replace: "const MEMORY_WAITS_MAX = 0;",
    killedBy: detectTest("io-uring/gather", "is repeated when memory for a ring is on its way back"),
  },
  {
    name: "shortfalls-not-told",
    promise: "P12",
    file: `${DETECT}detect.ts`,
    find: "      publishShortfalls(current);\n",
    replace: "",
    killedBy: detectTest("fallback", "is told each time it is opened"),
  },
  {
    name: "smaller-ring-not-noticed",
    promise: "P12",
    file: "packages/driver-uring/src/shortfalls.ts",
    find: "got < asked",
    replace: "got === asked + 1",
    killedBy: [{ file: "packages/driver-uring/test/shortfalls.test.ts", test: "what a ring has less of" }],
  },
];
