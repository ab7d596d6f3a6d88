import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { mutantPlugin } from "./tests/mutants/plugin.mjs";

const source = (path: string) => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

/** Tests run against the sources: a change shows at once, and a mutant is a change of one line. */
export default defineConfig({
  plugins: mutantPlugin(),
  resolve: {
    alias: [
      { find: /^@baton-io\/core\/testing$/, replacement: source("core/src/testing/index.ts") },
      { find: /^@baton-io\/(core|detect|driver-(?:uring|epoll|libuv))$/, replacement: source("$1/src/index.ts") },
    ],
  },
  esbuild: { target: "node20" },
  test: {
    include: ["packages/*/test/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["tests/setup/property-seed.ts"],
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
