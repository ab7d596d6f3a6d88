/**
 * Makes everything that follows from the tables of `packages/core/src` and from what the drivers declare: the C++
 * header and the reference pages.
 *
 *   npm run generate              writes them
 *   npm run generate -- --check   proves that writing them would change nothing; exit code 1 when it would
 *   … --root DIR                  reads and writes there instead of in this repository
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { renderCapabilitiesPage } from "./generate/capabilities-page.mjs";
import { loadCapabilities } from "./generate/load-capabilities.mjs";
import { loadTables } from "./generate/load-tables.mjs";
import { renderFileCalls, renderFileEntries } from "./generate/native-calls.mjs";
import { renderNativeHeader } from "./generate/native-header.mjs";
import { renderErrorsPage, renderOperationsPage } from "./generate/reference-pages.mjs";

const here = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * The generated files of a repository: path and content.
 *
 * @param {string} root
 */
export async function generate(root) {
  const [tables, capabilities] = await Promise.all([loadTables(root), loadCapabilities(root)]);
  return [
    { path: "packages/core/native/baton/opcode.gen.h", content: renderNativeHeader(tables) },
    { path: "packages/core/native/baton/file_calls.gen.h", content: renderFileCalls(tables) },
    { path: "packages/driver-uring/native/file_entries.gen.h", content: renderFileEntries(tables) },
    { path: "docs/reference/capabilities.md", content: renderCapabilitiesPage(tables, capabilities) },
    { path: "docs/reference/operations.md", content: renderOperationsPage(tables) },
    { path: "docs/reference/errors.md", content: renderErrorsPage(tables) },
  ];
}

/** @param {string} path */
function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * The paths of generated files that differ from what would be generated.
 *
 * @param {string} root
 * @returns {Promise<string[]>}
 */
export async function staleFiles(root) {
  const files = await generate(root);
  return files.filter(({ path, content }) => readIfThere(join(root, path)) !== content).map(({ path }) => path);
}

async function main() {
  const { values } = parseArgs({
    options: { check: { type: "boolean", default: false }, root: { type: "string", default: here } },
  });
  const root = resolve(values.root);
  if (values.check) {
    const stale = await staleFiles(root);
    for (const path of stale) console.error(`${path} is not what the tables say: run \`npm run generate\`.`);
    process.exitCode = stale.length === 0 ? 0 : 1;
    return;
  }
  for (const { path, content } of await generate(root)) {
    if (readIfThere(join(root, path)) === content) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    console.log(`wrote ${path}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
