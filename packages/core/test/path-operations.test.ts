/** What the record of an operation on paths says, which no result can show. */
import { describe, expect, test } from "vitest";
import { ERRNO, WORD } from "../src/driver.js";
import { createHandDriver, flushed, handBackend, type Taken } from "./sim/hand-driver.js";

function setUp() {
  const hand = createHandDriver(["renameNoReplace"]);
  return { hand, io: handBackend(hand) };
}

/** The paths that the driver finds in the arena, and what stands behind each. */
function pathsOf({ record }: Taken, arena: ArrayBuffer) {
  const bytes = new Uint8Array(arena);
  const offset = record[WORD.arenaOffset]!;
  const first = record[WORD.length]!;
  const second = record[WORD.argument1]!;
  const text = (from: number, length: number) => new TextDecoder().decode(bytes.subarray(from, from + length));
  const at = offset + first + 1;
  return [text(offset, first), bytes[offset + first], text(at, second), bytes[at + second]];
}

describe("an operation on two paths", () => {
  // mutant: second-path-is-the-first
  test("has both in the arena, each with a NUL behind it, whatever was there before", async () => {
    const { hand, io } = setUp();
    const symlink = io.symlink("x".repeat(120), "y".repeat(120));
    await flushed();
    hand.complete(hand.last("symlink"), 0);
    await symlink;
    const rename = io.rename("/a", "/longer-name");
    await flushed();
    expect(pathsOf(hand.last("rename"), hand.shared.arena)).toEqual(["/a", 0, "/longer-name", 0]);
    hand.complete(hand.last("rename"), -ERRNO.EXDEV);
    await expect(rename).rejects.toMatchObject({ code: "EXDEV", path: "/a", dest: "/longer-name" });
  });

  // mutant: replace-is-not-heeded
  test("says whether a name that is taken is replaced", async () => {
    const { hand, io } = setUp();
    for (const [options, flag] of [
      [{}, 0],
      [{ replace: true }, 0],
      [{ replace: false }, 1],
    ] as const) {
      const rename = io.rename("/a", "/b", options);
      await flushed();
      expect(hand.last("rename").record[WORD.argument0]).toBe(flag);
      hand.complete(hand.last("rename"), 0);
      await rename;
    }
  });

  test("that is aborted too late is not undone, and its caller is told of the abort", async () => {
    const { hand, io } = setUp();
    const controller = new AbortController();
    const linking = io.hardlink("/a", "/b", { signal: controller.signal });
    await flushed();
    controller.abort();
    hand.complete(hand.last("hardlink"), 0);
    await expect(linking).rejects.toMatchObject({ code: "ABORT_ERR", path: "/a", dest: "/b" });
  });
});
