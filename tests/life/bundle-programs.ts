/**
 * Programs for tests that need a process of their own. They are bundled from the sources, with the mutant that is being
 * tried, so that what a child runs is what the test beside it would have run.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll } from "vitest";
import { mutantPlugin } from "../mutants/plugin.mjs";
import { sourceAliases } from "../setup/source-aliases.js";

/** The root of the repository. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

export interface Programs {
  /** The bundle of a program, by the name of its source without `.ts`. */
  path(name: string): string;
}

const BUNDLE_TIMEOUT_MS = 60_000;

/** Bundles the sources before the tests of a file and removes the bundles after them. */
export function bundlePrograms(...sources: readonly URL[]): Programs {
  let directory = "";
  beforeAll(async () => {
    mkdirSync(join(root, ".baton"), { recursive: true });
    // Below the repository, so that the drivers' addons and the packages are where they always are.
    directory = mkdtempSync(join(root, ".baton", "programs-"));
    const entries = sources.map((source) => {
      const path = fileURLToPath(source);
      return [basename(path, ".ts"), path] as const;
    });
    await build({
      root,
      configFile: false,
      logLevel: "error",
      plugins: mutantPlugin(),
      resolve: { alias: sourceAliases },
      ssr: { noExternal: true, target: "node" },
      build: {
        ssr: true,
        // As the packages are built. For "node20" the bundler replaces private fields by weak maps, which cost memory
        // and time that the packages do not.
        target: "node20.19",
        minify: false,
        outDir: directory,
        rollupOptions: { input: Object.fromEntries(entries), output: { entryFileNames: "[name].mjs" } },
      },
    });
  }, BUNDLE_TIMEOUT_MS);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return { path: (name) => join(directory, `${name}.mjs`) };
}
