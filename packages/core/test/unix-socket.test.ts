/** When the file of a Unix-domain listener goes, which only the order of the submissions shows. */
import { describe, expect, test } from "vitest";
import { ADDRESS_BYTES_AT, ADDRESS_FAMILY, ADDRESS_WORD, STAT_FIELD, WORD } from "../src/driver.js";
import type { UnixListener } from "../src/index.js";
import { createHandDriver, flushed, type HandDriver, handBackend, type Taken } from "./sim/hand-driver.js";

function setUp() {
  const hand = createHandDriver(["unixSockets", "abstractUnixSockets"]);
  return { hand, io: handBackend(hand) };
}

/** The address in the arena of a submission. */
function addressOf({ record }: Taken, hand: HandDriver) {
  const offset = record[WORD.arenaOffset]!;
  const words = new Int32Array(hand.shared.arena);
  const length = words[(offset >> 2) + ADDRESS_WORD.portOrLength]!;
  const bytes = new Uint8Array(hand.shared.arena, offset + ADDRESS_BYTES_AT, length);
  return { family: words[(offset >> 2) + ADDRESS_WORD.family], text: new TextDecoder().decode(bytes) };
}

/** Answers which inode a path leads to. */
async function answerInode(hand: HandDriver, inode: bigint) {
  await flushed();
  const stat = hand.last("stat");
  new BigInt64Array(hand.shared.arena)[(stat.record[WORD.arenaOffset]! >> 3) + STAT_FIELD.inode] = inode;
  hand.complete(stat, 0);
  await flushed();
}

/** Listens; for a path core also asks which file it has made. */
async function listen(hand: HandDriver, listening: Promise<UnixListener>, path = true) {
  await flushed();
  hand.complete(hand.last("listen"), 2, { auxiliary: 1 });
  if (path) await answerInode(hand, 7n);
  return listening;
}

/** Opcodes that were submitted after the first `count`. */
const since = (hand: HandDriver, count: number) => hand.taken.slice(count).map(({ opcode }) => opcode);

describe("a listener at a path", () => {
  test("hands the driver its path, byte for byte", async () => {
    const { hand, io } = setUp();
    for (const path of ["/run/x.sock", "\0abstract\0name"]) {
      const listening = io.listen({ path });
      await flushed();
      expect(addressOf(hand.last("listen"), hand)).toEqual({ family: ADDRESS_FAMILY.unix, text: path });
      const listener = await listen(hand, listening, path.startsWith("/"));
      expect(listener.address).toEqual({ family: "unix", path });
    }
  });

  // mutant: socket-file-stays
  test("removes its file before its handle is closed, though the backend is closing", async () => {
    const { hand, io } = setUp();
    await listen(hand, io.listen({ path: "/run/x.sock" }));
    const before = hand.taken.length;
    const closing = io.close();
    await answerInode(hand, 7n);
    expect(since(hand, before)).toEqual(["stat", "unlink"]);
    hand.complete(hand.last("unlink"), 0);
    await flushed();
    expect(since(hand, before)).toEqual(["stat", "unlink", "close"]);
    hand.complete(hand.last("close"), 0);
    expect((await closing).resourcesClosed).toBe(1);
  });

  test("closes all the same when its file is gone, and an abstract name has none", async () => {
    const { hand, io } = setUp();
    const listener = await listen(hand, io.listen({ path: "/run/x.sock" }));
    const closing = listener.close();
    await answerInode(hand, 7n);
    hand.complete(hand.last("unlink"), -2);
    await flushed();
    hand.complete(hand.last("close"), 0);
    await closing;
    const abstract = await listen(hand, io.listen({ path: "\0x" }), false);
    const before = hand.taken.length;
    const second = abstract.close();
    await flushed();
    expect(since(hand, before)).toEqual(["close"]);
    hand.complete(hand.last("close"), 0);
    await second;
  });

  test("leaves a file alone that is another one by then", async () => {
    const { hand, io } = setUp();
    const listener = await listen(hand, io.listen({ path: "/run/x.sock" }));
    const before = hand.taken.length;
    const closing = listener.close();
    await answerInode(hand, 8n);
    expect(since(hand, before)).toEqual(["stat", "close"]);
    hand.complete(hand.last("close"), 0);
    await closing;
  });

  // mutant: aborted-listen-leaves-its-file
  test("that was made after its abort is removed, file first, and closed", async () => {
    const { hand, io } = setUp();
    const controller = new AbortController();
    const listening = io.listen({ path: "/run/x.sock", signal: controller.signal });
    await flushed();
    controller.abort();
    const before = hand.taken.length;
    hand.complete(hand.last("listen"), 2, { auxiliary: 1 });
    await expect(listening).rejects.toMatchObject({ code: "ABORT_ERR", address: "/run/x.sock" });
    await flushed();
    expect(since(hand, before)).toContain("unlink");
    expect(since(hand, before)).not.toContain("close");
    hand.complete(hand.last("unlink"), 0);
    await flushed();
    expect(since(hand, before)).toContain("close");
  });
});
