// @ts-check
/** What would be published: is the manifest right, do the types resolve, is everything in it and nothing else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { npmCommand, runQuietly } from "../child.mjs";
import { buildOutputs, nativeBinaries, packageDirectories } from "../setup/packages.mjs";
import { runTool } from "./tool.mjs";

/** What a package may contain. */
const ALLOWED = [
  /^dist\//,
  /^prebuilds\//,
  /^native\//,
  // The door of core to a package of its own.
  /^testing\.(js|d\.ts)$/,
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^LICENSES\.md$/,
];
/** … and what it may not, even there. */
const FORBIDDEN = [/(^|\/)test\//, /\.test\./, /(^|\/)build\//, /\.(o|a|log|tgz)$/, /tsconfig/];

/** @type {import("./stage.mjs").Stage} */
export const packages = {
  name: "packages",
  checks: "what would be published",
  run: async (root) => {
    /** @type {string[]} */
    const failures = [];
    let passed = 0;
    for (const directory of packageDirectories(root)) {
      const checks = await Promise.all([
        manifestProblems(root, directory),
        typeProblems(root, directory),
        contentProblems(root, directory),
      ]);
      for (const problems of checks) {
        if (problems.length === 0) passed++;
        else failures.push(`${directory}:\n  ${problems.join("\n  ")}`);
      }
    }
    return { passed, failed: failures.length, failures: failures.join("\n") };
  },
};

/** @param {string} root @param {string} directory @returns {Promise<string[]>} */
async function manifestProblems(root, directory) {
  const { publint } = await import("publint");
  const { formatMessage } = await import("publint/utils");
  const manifest = JSON.parse(readFileSync(join(root, directory, "package.json"), "utf8"));
  const { messages } = await publint({ pkgDir: join(root, directory), strict: true });
  return messages
    .filter(({ type }) => type !== "suggestion")
    .map((message) => `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`);
}

/** @param {string} root @param {string} directory @returns {Promise<string[]>} */
async function typeProblems(root, directory) {
  const args = ["--pack", directory, "--profile", "esm-only", "--format", "ascii", "--no-color", "--no-emoji"];
  const { code, output } = await runTool(root, "@arethetypeswrong/cli/dist/index.js", args);
  return code === 0 ? [] : [`are the types wrong: ${output.trim()}`];
}

/**
 * What is wrong with the list of files that would be published.
 *
 * @param {string} root
 * @param {string} directory Path of the package, from the root.
 * @returns {Promise<string[]>}
 */
export async function contentProblems(root, directory) {
  const { program, args } = npmCommand(["pack", "--dry-run", "--json", "--ignore-scripts"]);
  const { code, stdout, output } = await runQuietly(program, args, { cwd: join(root, directory) });
  if (code !== 0) return [`npm pack: ${output.trim()}`];
  const paths = packedPaths(stdout);
  // Native binaries too: without them nobody without a compiler could use the package.
  const binaries = nativeBinaries(root).filter((path) => path.startsWith(`${directory}/`));
  const wanted = [...buildOutputs(root, directory), ...binaries].map((path) => path.slice(directory.length + 1));
  return [
    ...paths
      .filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))
      .map((path) => `must not be in it: ${path}`),
    ...paths
      .filter((path) => FORBIDDEN.some((pattern) => pattern.test(path)))
      .map((path) => `must not be in it: ${path}`),
    ...wanted.filter((path) => !paths.includes(path)).map((path) => `is missing from it: ${path}`),
  ];
}

/** @param {string} json What `npm pack --json` wrote: a list, or by name in newer versions. */
function packedPaths(json) {
  const answer = JSON.parse(json);
  const [packed] = Array.isArray(answer) ? answer : Object.values(answer);
  return /** @type {{ path: string }[]} */ (packed.files).map(({ path }) => path);
}
