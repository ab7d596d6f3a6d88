/** Datagrams that come for receives whose callers have gone, and what the records of datagrams say. */
import { describe, expect, test } from "vitest";
import {
  ERRNO,
  MESSAGE_FLAG,
  MESSAGE_FLAGS_AT,
  MESSAGE_VECTOR_AT,
  parseAddress,
  readAddress,
  SOCKET_OPTION,
  VECTOR_WORD,
  WORD,
  writeAddress,
} from "../src/driver.js";
import type { Backend } from "../src/index.js";
import { createHandDriver, flushed, type HandDriver, handBackend, type Taken } from "./sim/hand-driver.js";

async function setUp() {
  const hand = createHandDriver(["reusePort"]);
  const io = handBackend(hand);
  return { hand, io, socket: await bind(hand, io) };
}

async function bind(hand: HandDriver, io: Backend, options: Parameters<Backend["bindUdp"]>[0] = {}) {
  const binding = io.bindUdp(options);
  await flushed();
  hand.complete(hand.last("datagram"), 3, { auxiliary: 1 });
  return binding;
}

const words = (hand: HandDriver) => new Int32Array(hand.shared.arena);
const bytes = (hand: HandDriver) => new Uint8Array(hand.shared.arena);

/** Where the driver finds the buffer of a message. */
function vectorOf({ record }: Taken, hand: HandDriver) {
  const at = (record[WORD.arenaOffset]! + MESSAGE_VECTOR_AT) >> 2;
  const word = (which: number) => words(hand)[at + which]!;
  return { number: word(VECTOR_WORD.buffer), offset: word(VECTOR_WORD.offset), length: word(VECTOR_WORD.length) };
}

/** The driver answers a receive with a datagram from a port. */
function arrive(hand: HandDriver, taken: Taken, text: string, port: number, flags = 0): void {
  const { number, offset, length } = vectorOf(taken, hand);
  const part = new TextEncoder().encode(text).subarray(0, length);
  hand.memory.view(number, offset, length).set(part);
  const area = taken.record[WORD.arenaOffset]!;
  writeAddress(bytes(hand), words(hand), area, parseAddress("192.0.2.7")!, port);
  words(hand)[(area + MESSAGE_FLAGS_AT) >> 2] = flags;
  hand.complete(taken, part.length);
}

const textOf = (result: { bytesReceived: number; buffer: { bytes: Uint8Array } }) =>
  new TextDecoder().decode(result.buffer.bytes.subarray(0, result.bytesReceived));

describe("a datagram socket", () => {
  test("is bound with the options that were asked for", async () => {
    const { hand, io } = await setUp();
    await bind(hand, io, { broadcast: true, reusePort: true, ipv6Only: false });
    expect(hand.last("datagram").record[WORD.argument0]).toBe(SOCKET_OPTION.broadcast | SOCKET_OPTION.reusePort);
  });

  test("sends with the receiver's address and exactly the part of the buffer that was named", async () => {
    const { hand, io, socket } = await setUp();
    const buffer = io.buffers.take(100);
    const sending = socket.send(buffer, { address: "192.0.2.9", port: 53, offset: 10, length: 20 });
    await flushed();
    const taken = hand.last("sendMessage");
    expect(vectorOf(taken, hand)).toMatchObject({ offset: 10, length: 20 });
    expect([taken.record[WORD.buffer], taken.record[WORD.vectorCount]]).toEqual([-1, 1]);
    expect(readAddress(bytes(hand), words(hand), taken.record[WORD.arenaOffset]!)).toEqual({
      family: "ipv4",
      address: "192.0.2.9",
      port: 53,
    });
    hand.complete(taken, -ERRNO.EACCES);
    await expect(sending).rejects.toMatchObject({ code: "EACCES", address: "192.0.2.9", port: 53, buffer });
  });

  // mutant: empty-datagram-not-sent
  test("sends no bytes as a datagram, and receives into no bytes", async () => {
    const { hand, io, socket } = await setUp();
    const buffer = io.buffers.take(8);
    const sending = socket.send(buffer, { address: "192.0.2.9", port: 53, length: 0 });
    const receiving = socket.receive(io.buffers.take(8), { length: 0 });
    await flushed();
    expect(vectorOf(hand.last("sendMessage"), hand)).toMatchObject({ length: 0 });
    hand.complete(hand.last("sendMessage"), 0);
    expect(await sending).toMatchObject({ bytesSent: 0 });
    arrive(hand, hand.last("receiveMessage"), "all of it cut", 9, MESSAGE_FLAG.truncated);
    expect(await receiving).toMatchObject({ bytesReceived: 0, truncated: true });
  });

  // mutant: datagram-is-dropped
  test("gives datagrams that came too late to the next receives, each by itself and with its sender", async () => {
    const { hand, io, socket } = await setUp();
    for (const [text, port] of [
      ["one", 1001],
      ["", 1002],
      ["three", 1003],
    ] as const) {
      const controller = new AbortController();
      const given = io.buffers.take(16);
      const receiving = socket.receive(given, { signal: controller.signal });
      await flushed();
      const taken = hand.last("receiveMessage");
      // The cancel and the datagram cross: nothing that is kept is served meanwhile.
      controller.abort();
      arrive(hand, taken, text, port);
      await expect(receiving).rejects.toMatchObject({ code: "ABORT_ERR", buffer: given });
      if (text === "one") {
        // It is there for the next one, so that the others have to be asked for behind it.
        expect(await socket.receive(given)).toMatchObject({ bytesReceived: 3, address: { port: 1001 } });
        expect(textOf({ bytesReceived: 3, buffer: given })).toBe("one");
      }
      if (text === "") expect(await socket.receive(given)).toMatchObject({ bytesReceived: 0, address: { port: 1002 } });
    }
    const last = await socket.receive(io.buffers.take(16));
    expect([textOf(last), last.address, last.truncated]).toEqual([
      "three",
      { family: "ipv4", address: "192.0.2.7", port: 1003 },
      false,
    ]);
  });

  // mutant: kept-truncation-forgotten, kept-cut-not-told
  test("says of a kept datagram that it is cut, then as now", async () => {
    const { hand, io, socket } = await setUp();
    for (const [text, flags, length] of [
      ["cut by the driver", MESSAGE_FLAG.truncated, 64],
      ["cut now", 0, 3],
    ] as const) {
      const controller = new AbortController();
      const receiving = socket.receive(io.buffers.take(32), { signal: controller.signal });
      await flushed();
      controller.abort();
      arrive(hand, hand.last("receiveMessage"), text, 9, flags);
      await expect(receiving).rejects.toMatchObject({ code: "ABORT_ERR" });
      const kept = await socket.receive(io.buffers.take(length));
      expect([textOf(kept), kept.truncated]).toEqual([text.slice(0, length), true]);
    }
  });
});
