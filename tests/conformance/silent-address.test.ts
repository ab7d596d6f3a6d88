/** A name with an address that does not answer, over every driver that runs here. */
import { type Backend, createBackend } from "@baton-io/core";
import { describe, expect, test } from "vitest";
import { findDrivers, isFound } from "./drivers.js";

/** Fills a listener that nobody accepts from: the kernel answers no further connection there. */
async function fill(io: Backend, host: string, port: number): Promise<void> {
  const listener = await io.listen({ host, port, backlog: 1 });
  for (;;) {
    const filled = await io.connect({ host, port: listener.address.port, timeoutMs: 100 }).then(
      () => false,
      () => true,
    );
    if (filled) return;
  }
}

const found = await findDrivers();
const drivers = found.filter(isFound);
/** One whose listeners leave connections to the kernel: the runtime of libuv accepts them all. */
const leaving = drivers.find(({ name }) => name !== "libuv");
if (leaving === undefined) process.stdout.write("silent address: not tried, there is no native driver here\n");

describe.runIf(leaving !== undefined)("a name whose first address does not answer", () => {
  for (const { name, createDriver } of drivers) {
    test(`${name} connects to the second after the delay`, async () => {
      await using world = createBackend({ driver: leaving!.createDriver() });
      const listener = await world.listen({ host: "127.0.0.1" });
      const { port } = listener.address;
      await fill(world, "127.0.0.2", port);
      const driver = createDriver();
      await using io = createBackend({
        driver: {
          name: driver.name,
          probe: () => driver.probe(),
          open: (host, limits) =>
            Object.defineProperty(driver.open(host, limits), "lookup", {
              value: async () => ["127.0.0.2", "127.0.0.1"],
            }),
        },
      });
      const startMs = performance.now();
      const stream = await io.connect({ host: "two.example", port, timeoutMs: 10_000 });
      const tookMs = performance.now() - startMs;
      expect(tookMs).toBeGreaterThanOrEqual(249);
      expect((await stream.peerAddress()).address).toBe("127.0.0.1");
      expect(io.inspect().resources.length).toBe(1);
    });
  }
});
