import type { Driver } from "@baton-io/core/driver";
import { capabilities } from "./capabilities.js";
import { LibuvSession } from "./session.js";

/**
 * The driver that works wherever JavaScript runs: files by `node:fs` and its thread pool, sockets by `node:net` and
 * `node:dgram`. No native code, no Linux-only call.
 *
 * @example
 * await using io = createBackend({ driver: libuvDriver() });
 */
export function libuvDriver(): Driver {
  return {
    name: "libuv",
    probe: () => ({
      available: true,
      capabilities,
      evidence: [
        { name: "runtime", value: runtimeText() },
        { name: "platform", value: `${process.platform} ${process.arch}` },
      ],
    }),
    open: (host, limits) => new LibuvSession(host, limits),
  };
}

function runtimeText(): string {
  const { node, bun, deno, uv } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return `Bun ${bun}`;
  if (deno !== undefined) return `Deno ${deno}`;
  return `Node ${node}, libuv ${uv}`;
}
