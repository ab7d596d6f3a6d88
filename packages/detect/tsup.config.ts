import { defineConfig, type Options } from "tsup";

const common: Options = { format: ["esm"], target: "node20", platform: "node", sourcemap: true };

export default defineConfig([
  { ...common, entry: { index: "src/index.ts" }, dts: true, clean: ["dist/*", "!dist/cli"] },
  {
    ...common,
    entry: { "cli/baton": "src/cli/baton.ts" },
    clean: ["dist/cli/*"],
    // Whoever installs the library installs nobody else's package: what only the command needs is in the command.
    noExternal: ["cli-progress", "cli-table3", "commander"],
    // They are CommonJS, which asks for parts of Node by `require`.
    banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
  },
]);
