import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "../core/src/testing/index.ts" },
  // Core itself is the program's: a second copy would not know its buffers.
  external: [/^@baton-io\/core/],
  format: ["esm"],
  target: "node20",
  platform: "node",
  dts: true,
  // Nobody steps through them, and they are more than the code is.
  sourcemap: false,
  clean: true,
});
