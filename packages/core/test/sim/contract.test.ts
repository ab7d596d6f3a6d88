/** What the simulated driver notices when its other side breaks the contract: without it, silence proves nothing. */
import { ERRNO, SUBMIT_FLAG, WORD } from "@baton-io/core/driver";
import { describe, expect, it } from "vitest";
import { handleOf, RawSimulation } from "./raw-simulation.js";

const path = new TextEncoder().encode("/tmp/file");

/** A session with an open file and a buffer. */
async function withFile(raw = new RawSimulation()) {
  raw.simulation.files.write("/tmp/file", "0123456789");
  new Uint8Array(raw.session.shared.arena).set(path);
  const words = { arenaOffset: 0, arenaLength: 128, length: path.length, argument0: 3 };
  const file = handleOf(await raw.run({ opcode: "open", slot: 50, words }));
  const slab = raw.session.memory.allocate(4096, 4);
  return { raw, file, slab, buffer: slab.firstNumber };
}

const violations = (raw: RawSimulation) => raw.simulation.violations.join("; ");

describe("the simulated driver notices", () => {
  it("a buffer that is lent exclusively twice, and not one of which two parts are lent", async () => {
    const { raw, file, buffer } = await withFile();
    const read = (slot: number, bufferOffset: number) =>
      raw.submit({ opcode: "read", slot, handle: file, words: { buffer, bufferOffset, length: 8 } });
    read(0, 0);
    read(1, 8);
    expect(violations(raw)).toBe("");
    read(2, 4);
    expect(violations(raw)).toMatch(/operation 2:1 .* is lent to operation 0:1/);
  });

  it("a buffer that is written from while it is read into, and not one that is written from twice", async () => {
    const { raw, file, buffer } = await withFile();
    const transfer = (opcode: "read" | "write", slot: number) =>
      raw.submit({ opcode, slot, handle: file, words: { buffer, length: 8 } });
    transfer("write", 0);
    transfer("write", 1);
    expect(violations(raw)).toBe("");
    transfer("read", 2);
    expect(violations(raw)).toMatch(/is lent to/);
  });

  it("a part that lies outside of its buffer", async () => {
    const { raw, file, buffer } = await withFile();
    raw.submit({ opcode: "read", slot: 0, handle: file, words: { buffer, bufferOffset: 4000, length: 100 } });
    expect(violations(raw)).toMatch(/\[4000, 4100\) is not a part of buffer/);
  });

  it("a program that looks or writes into a buffer that the kernel has", async () => {
    const { raw, file, buffer, slab } = await withFile();
    raw.submit({ opcode: "read", slot: 0, handle: file, words: { buffer, length: 10 } });
    const view = new Uint8Array(slab.buffers[0]!);
    // Who looks early sees neither what was there nor what will come.
    expect([...view.subarray(0, 10)]).toEqual(new Array(10).fill(0xdb));
    view[3] = 1;
    await raw.simulation.idle();
    expect(violations(raw)).toMatch(/was written to at 3 while it was lent/);
  });

  it("a program that changes what the kernel is sending", async () => {
    const { raw, file, buffer, slab } = await withFile();
    raw.submit({ opcode: "write", slot: 0, handle: file, words: { buffer, length: 10 } });
    new Uint8Array(slab.buffers[0]!)[3] = 1;
    await raw.simulation.idle();
    expect(violations(raw)).toMatch(/changed while the kernel was reading it/);
  });

  it("memory that is freed or detached while the kernel has it", async () => {
    const { raw, file, buffer, slab } = await withFile();
    raw.submit({ opcode: "read", slot: 0, handle: file, words: { buffer, length: 10 } });
    raw.session.memory.detach(buffer, slab.buffers[0]!);
    expect(violations(raw)).toMatch(/is detached while the kernel has it/);
    raw.session.memory.free(buffer);
    expect(violations(raw)).toMatch(/is freed while the kernel has it/);
  });

  it("a slot that is submitted twice, and one that goes back to an old generation", async () => {
    const { raw } = await withFile();
    raw.submit({ opcode: "timer", slot: 0, generation: 7, words: { positionLow: 100 } });
    raw.submit({ opcode: "nop", slot: 0, generation: 7 });
    expect(violations(raw)).toMatch(/the slot still has operation 0:7/);
    await raw.simulation.idle();
    raw.submit({ opcode: "nop", slot: 0, generation: 6 });
    expect(violations(raw)).toMatch(/operation 0:6 .* the slot had generation 7 before/);
  });

  it("a record that changes in flight", async () => {
    const { raw } = await withFile();
    raw.submit({ opcode: "nop", slot: 0 });
    raw.records[WORD.argument0] = 1;
    await raw.simulation.idle();
    expect(violations(raw)).toMatch(/word 11 of its record changed/);
  });

  it("a provided buffer that is lent as well", async () => {
    const { raw, file, buffer } = await withFile();
    raw.provide([buffer]);
    raw.submit({ opcode: "read", slot: 0, handle: file, words: { buffer, length: 10 } });
    expect(violations(raw)).toMatch(/is provided to the driver/);
  });

  it("what is submitted from inside the sink, or after close", async () => {
    const { raw } = await withFile();
    const { session } = raw;
    const nested = new RawSimulation();
    nested.submit({ opcode: "nop", slot: 0 });
    const push = nested.completions.push.bind(nested.completions);
    nested.completions.push = (...items) => {
      nested.session.submit(0);
      return push(...items);
    };
    await nested.simulation.idle();
    expect(violations(nested)).toBe("submit is called from inside the sink");
    const closing = session.close(10);
    raw.submit({ opcode: "nop", slot: 0 });
    await closing;
    expect(violations(raw)).toBe("something is submitted after close was called");
  });
});

describe("the simulated driver answers", () => {
  it("-EBADF for a handle that is closed, also when another has its place", async () => {
    const { raw, file } = await withFile();
    await raw.run({ opcode: "close", slot: 0, handle: file });
    new Uint8Array(raw.session.shared.arena).set(path);
    const words = { arenaOffset: 0, arenaLength: 128, length: path.length, argument0: 1 };
    const other = handleOf(await raw.run({ opcode: "open", slot: 1, words }));
    expect(other.index).toBe(file.index);
    expect((await raw.run({ opcode: "fsync", slot: 2, handle: file }))[0]?.result).toBe(-ERRNO.EBADF);
    expect((await raw.run({ opcode: "close", slot: 3, handle: file }))[0]?.result).toBe(-ERRNO.EBADF);
    expect(raw.simulation.ledger.badHandles).toBe(2);
  });

  it("a cancel of another generation with -ENOENT, and leaves the operation alone", async () => {
    const raw = new RawSimulation();
    raw.submit({ opcode: "timer", slot: 0, generation: 5, words: { positionLow: 1000 } });
    const cancel = { opcode: "cancel", words: { argument0: 0, argument1: 4 } } as const;
    const completions = await raw.run({ ...cancel, slot: 1 });
    expect(completions.map(({ slot, result }) => [slot, result])).toEqual([
      [1, -ERRNO.ENOENT],
      [0, 0],
    ]);
  });

  it("a multishot receive with one completion after another, each with a buffer, until it runs out of them", async () => {
    const raw = new RawSimulation();
    const { client, server } = await raw.connection();
    const slab = raw.session.memory.allocate(16, 3);
    const numbers = [0, 1].map((index) => slab.firstNumber + index);
    raw.provide(numbers);
    const flags = SUBMIT_FLAG.multishot | SUBMIT_FLAG.providedBuffer;
    raw.submit({ opcode: "receive", slot: 0, handle: server, flags, words: { length: 16 } });
    const source = raw.session.memory.allocate(64, 1);
    new Uint8Array(source.buffers[0]!).fill(7);
    const words = { buffer: source.firstNumber, length: 40 };
    const completions = await raw.run({ opcode: "send", slot: 1, handle: client, words });
    const received = completions.filter(({ slot }) => slot === 0);
    expect(received.map(({ result, more, provided, auxiliary }) => [result, more, provided && auxiliary])).toEqual([
      [16, true, numbers[0]],
      [16, true, numbers[1]],
      [-ERRNO.ENOBUFS, false, false],
    ]);
    expect([...new Uint8Array(slab.buffers[1]!)]).toEqual(new Array(16).fill(7));
    // Nothing is lost: the rest waits for the next buffer.
    raw.provide([slab.firstNumber + 2]);
    const rest = await raw.run({
      opcode: "receive",
      slot: 0,
      generation: 2,
      handle: server,
      flags,
      words: { length: 16 },
    });
    expect(rest.map(({ result, more }) => [result, more])).toEqual([[8, true]]);
    const ended = await raw.run({ opcode: "cancel", slot: 2, words: { argument0: 0, argument1: 2 } });
    expect(ended.find(({ slot }) => slot === 0)).toMatchObject({ result: -ERRNO.ECANCELED, more: false });
    expect(raw.simulation.violations).toEqual([]);
  });

  it("a multishot accept with every connection, and ends it when it is canceled", async () => {
    const raw = new RawSimulation();
    const { listener } = await raw.connection();
    raw.submit({ opcode: "accept", slot: 0, handle: listener, flags: SUBMIT_FLAG.multishot });
    for (const slot of [1, 2, 3]) {
      const area = { arenaOffset: 0, arenaLength: 128 };
      const completions = await raw.run({ opcode: "connect", slot, words: area });
      expect(completions.find((completion) => completion.slot === 0)?.more).toBe(true);
    }
    const ended = await raw.run({ opcode: "cancel", slot: 4, words: { argument0: 0, argument1: 1 } });
    expect(ended.find(({ slot }) => slot === 0)).toMatchObject({ result: -ERRNO.ECANCELED, more: false });
  });

  it("more completions than fit into one batch in several", async () => {
    const raw = new RawSimulation({ faults: { inline: 1, overflow: 1, shuffle: 1 } });
    for (let slot = 0; slot < 20; slot++) raw.submit({ opcode: "nop", slot });
    await raw.simulation.idle();
    expect(raw.completions.length).toBe(20);
    expect(raw.simulation.faults.overflow).toBeGreaterThan(0);
  });

  it("a full queue by taking less, but every cancel, and one when it has nothing else", async () => {
    const raw = new RawSimulation({ faults: { queueFull: 1 } });
    expect(raw.submit({ opcode: "timer", slot: 0, words: { positionLow: 1000 } })).toBe(1);
    expect(raw.submit({ opcode: "nop", slot: 1 })).toBe(0);
    expect(raw.submit({ opcode: "cancel", slot: 2, words: { argument0: 0, argument1: 1 } })).toBe(1);
    await raw.simulation.idle();
    expect(raw.completions.length).toBe(2);
  });

  it("what it cannot confirm with a report, and writes into that memory and no other afterwards", async () => {
    const { raw, file, buffer, slab } = await withFile(new RawSimulation({ faults: { stuck: 0 } }));
    const stuck = new RawSimulation({ faults: { stuck: 1 } });
    const opened = await withFile(stuck);
    stuck.submit({ opcode: "read", slot: 0, handle: opened.file, words: { buffer: opened.buffer, length: 10 } });
    expect(await stuck.session.close(5)).toEqual({ unconfirmedOperations: 1, quarantinedBytes: 10 });
    const view = new Uint8Array(opened.slab.buffers[0]!);
    expect(view[0]).toBe(0xdb);
    await stuck.simulation.idle();
    expect(new TextDecoder().decode(view.subarray(0, 10))).toBe("0123456789");
    expect(stuck.simulation.ledger).toMatchObject({ lateWrites: 1, handlesOpen: 0, operationsInFlight: 0 });
    // The same without the fault is confirmed at once.
    raw.submit({ opcode: "read", slot: 0, handle: file, words: { buffer, length: 10 } });
    expect(await raw.session.close(5)).toEqual({ unconfirmedOperations: 0, quarantinedBytes: 0 });
    expect(slab.buffers.length).toBe(4);
  });
});
