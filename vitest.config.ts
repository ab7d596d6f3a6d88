import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { mutantPlugin } from "./tests/mutants/plugin.mjs";
import LongestFirst from "./tests/setup/longest-first.js";
import { sourceAliases } from "./tests/setup/source-aliases.js";

/** Tests run against the sources: a change shows at once, and a mutant is a change of one line. */
export default defineConfig({
  plugins: mutantPlugin(),
  resolve: {
    alias: sourceAliases,
  },
  esbuild: { target: "node20" },
  test: {
    include: ["packages/*/test/**/*.test.ts", "bench/test/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["tests/setup/property-seed.ts", "tests/setup/own-environment.ts"],
    // Each backend has some megabytes, and a test makes many: the allocator shall have them from the kernel, where they
    // are zero, and not clear again what others gave back.
    env: { MALLOC_MMAP_THRESHOLD_: "1048576" },
    pool: "forks",
    // Left to itself it keeps one processor for itself, which is half of two.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
