import { createBackend } from "@baton-io/core";
import { createSimulation, EventHash, Random, type Simulation } from "@baton-io/core/testing";
import { describe, expect, it } from "vitest";

/** A program with timers, a file and a connection; what it saw is in the simulation's hash. */
async function program(simulation: Simulation): Promise<void> {
  const io = createBackend({ driver: simulation.driver, clock: simulation.clock, operationsMax: 64 });
  const file = await io.openFile("/tmp/file", "w+");
  const buffer = io.buffers.copyFrom("something to write");
  await Promise.allSettled([io.sleep(3), file.writeFull(buffer), io.nop(), io.stat("/tmp"), io.sleep(1)]);
  buffer.release();
  await file.close().catch(() => undefined);
  await io.close();
}

async function hashOf(seed: number, faults: "calm" | "rough"): Promise<string> {
  const simulation = createSimulation({
    seed,
    faults: faults === "calm" ? "calm" : { shuffle: 1, delayUsMax: 500, again: 0.2 },
  });
  await program(simulation);
  expect(simulation.violations).toEqual([]);
  return simulation.hash;
}

describe("a simulation", () => {
  it("takes the same way with the same seed and another with another", async () => {
    expect(await hashOf(1, "rough")).toBe(await hashOf(1, "rough"));
    expect(await hashOf(1, "rough")).not.toBe(await hashOf(2, "rough"));
  });

  it("leaves nothing to the seed when it is calm", async () => {
    expect(await hashOf(1, "calm")).toBe(await hashOf(2, "calm"));
  });

  it("jumps to what happens next, and never back", async () => {
    const simulation = createSimulation({ seed: 1 });
    const io = createBackend({ driver: simulation.driver, clock: simulation.clock });
    const startMs = simulation.clock.nowMs();
    const order: number[] = [];
    const sleep = async (ms: number) => {
      await io.sleep(ms);
      order.push(ms);
      expect(simulation.clock.nowMs() - startMs).toBeGreaterThanOrEqual(ms);
    };
    await Promise.all([sleep(86_400_000), sleep(5), sleep(1000), sleep(0)]);
    expect(order).toEqual([0, 5, 1000, 86_400_000]);
    await io.close();
  });

  it("rests when nothing is going to happen, with operations that wait for ever", async () => {
    const simulation = createSimulation({ seed: 1 });
    const io = createBackend({ driver: simulation.driver, clock: simulation.clock });
    const listener = await io.listen();
    const accepting = listener.accept();
    await simulation.idle();
    expect(simulation.ledger.operationsInFlight).toBe(1);
    await Promise.all([expect(accepting).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED" }), listener.close()]);
    await io.close();
  });

  it("gives up on a program that runs in circles, and says so", async () => {
    const simulation = createSimulation({ seed: 1, eventsMax: 1000 });
    const circle = () => simulation.clock.after(0, circle);
    circle();
    await simulation.stopped;
    expect(simulation.violations).toEqual(["Error: 1000 events, and no end of it"]);
  });
});

describe("the event hash", () => {
  it("is FNV-1a with 64 bits", () => {
    // A published test vector: the hash of the letter a.
    expect(fnv1a([0x61])).toBe("af63dc4c8601ec8c");
    const hash = new EventHash();
    const bytes: number[] = [];
    for (const word of [0x626f_6f66, 0, -1, 0x1234_5678, 0x8000_0000]) {
      hash.add(word);
      for (let shift = 0; shift < 32; shift += 8) bytes.push((word >>> shift) & 255);
      expect(hash.text).toBe(fnv1a(bytes));
    }
  });
});

/** The same by the textbook, with whole 64-bit numbers. */
function fnv1a(bytes: readonly number[]): string {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  return hash.toString(16).padStart(16, "0");
}

describe("the pseudo-random numbers", () => {
  it("are the same for the same seed, and spread evenly", () => {
    const one = new Random(7);
    const other = new Random(7);
    const counts = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index++) {
      const value = one.below(10);
      expect(other.below(10)).toBe(value);
      counts[value]!++;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it("differ between seeds above and below 2**32", () => {
    const firsts = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 52].map((seed) => new Random(seed).next());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it("draw nothing where the answer is certain", () => {
    const one = new Random(1);
    const other = new Random(1);
    expect([one.chance(0), one.chance(1), one.chance(-1)]).toEqual([false, true, false]);
    expect(one.next()).toBe(other.next());
  });
});
