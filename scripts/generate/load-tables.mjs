/**
 * The TypeScript tables as values. They are bundled from their sources in memory, so that what is generated can never
 * come from an older build.
 */
import { createRequire } from "node:module";

/** esbuild is not a dependency of its own: it is the one that tsup builds the packages with. */
export async function loadEsbuild() {
  const tsup = createRequire(import.meta.url).resolve("tsup");
  return createRequire(tsup)("esbuild");
}

const ENTRY = `
export * from "./spi/opcode.js";
export * from "./spi/record.js";
export { BAD_RECORD } from "./base/errno.js";
export * from "./base/errors.js";
export * from "./spi/capability.js";
export { PROVIDED_MAX } from "./spi/driver.js";
`;

/**
 * Everything the tables export, by name.
 *
 * @param {string} root Root of the repository.
 * @returns {Promise<any>}
 */
export async function loadTables(root) {
  const esbuild = await loadEsbuild();
  const { outputFiles } = await esbuild.build({
    stdin: { contents: ENTRY, resolveDir: `${root}/packages/core/src`, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "node20",
    write: false,
    logLevel: "error",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  return import(`data:text/javascript;base64,${code}`);
}
