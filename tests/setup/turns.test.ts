import { expect, test } from "vitest";
import { turnOfCommit } from "../../scripts/check/turn.mjs";
import { root } from "../life/bundle-programs.js";
import { isTurn, readTurn } from "./turns.js";

test("each has its turn in exactly one part", () => {
  for (const parts of [1, 2, 4, 7]) {
    for (let index = 0; index < 20; index++) {
      const turns = Array.from({ length: parts }, (_, part) => isTurn(index, readTurn(`${part + 1}/${parts}`)));
      expect(turns.filter(Boolean)).toHaveLength(1);
    }
  }
});

test("all have it where nothing is said, and a turn that there is not is refused", () => {
  for (let index = 0; index < 20; index++) expect(isTurn(index, readTurn())).toBe(true);
  for (const text of ["", "0/4", "5/4", "2", "1/0", "all"]) expect(() => readTurn(text), text).toThrow(RangeError);
});

test("a commit names one of the parts", async () => {
  expect(readTurn(await turnOfCommit(root, 6)).parts).toBe(6);
});
