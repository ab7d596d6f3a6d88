/**
 * What each driver declares, as values: with its default options, on a system that has everything the driver can use.
 * Bundled from the sources in memory, with the platform and the runtime's version fixed, so that every machine gets the
 * same.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadEsbuild } from "./load-tables.mjs";

const ENTRY = `
import { createSimulation } from "./packages/core/src/testing/index.ts";
import { OPCODE } from "./packages/core/src/driver.ts";
import { capabilities as epoll } from "./packages/driver-epoll/src/capabilities.ts";
import { capabilities as libuv } from "./packages/driver-libuv/src/capabilities.ts";
import { uringCapabilities } from "./packages/driver-uring/src/capabilities.ts";
import { readOptions } from "./packages/driver-uring/src/options.ts";

const yes = { get: (target, name) => (name === "operations" ? Object.values(OPCODE).map(() => true) : true) };
export const declarations = {
  uring: uringCapabilities(new Proxy({}, yes), { ...readOptions({}, {}), registeredBuffers: true }),
  epoll,
  libuv,
  sim: createSimulation({ seed: 1 }).driver.probe().capabilities,
};
`;

/**
 * @param {string} root Root of the repository.
 * @returns {Promise<Record<string, any>>} Capabilities by the driver's name.
 */
export async function loadCapabilities(root) {
  const esbuild = await loadEsbuild();
  const { outputFiles } = await esbuild.build({
    stdin: { contents: ENTRY, resolveDir: root, loader: "ts" },
    alias: {
      "@baton-io/core/driver": `${root}/packages/core/src/driver.ts`,
      "@baton-io/core": `${root}/packages/core/src/index.ts`,
    },
    define: { "process.platform": '"linux"', "process.versions.node": '"26.0.0"' },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
    logLevel: "error",
  });
  // From a file rather than from text: when a driver's declaration throws, the trace can be read.
  const directory = mkdtempSync(join(tmpdir(), "baton-generate-"));
  try {
    const file = join(directory, "declarations.mjs");
    writeFileSync(file, outputFiles[0].contents);
    const { declarations } = await import(pathToFileURL(file).href);
    return declarations;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
