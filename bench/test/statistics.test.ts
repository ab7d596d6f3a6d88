import { describe, expect, test } from "vitest";
import { median, pairedRatio, summarise } from "../statistics.mjs";

describe("the figures of the benchmarks", () => {
  test("the median is the middle one, or the mean of the two in the middle, whatever the order", () => {
    expect(median([3])).toBe(3);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 1, 2, 5])).toBe(3.5);
    expect(() => median([])).toThrow("no median of nothing");
  });

  test("the median does not reorder what it is given", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  test("numbers are compared as numbers, not as text", () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  test("one disturbed round moves neither the median nor the spread about it", () => {
    expect(summarise([100, 102, 101, 99, 5])).toEqual({ median: 100, min: 5, max: 102, mad: 1 });
  });

  test("a ratio is taken round by round, so that a slow minute of the machine cancels out", () => {
    const { median: middle, min, max } = pairedRatio([200, 20, 400], [100, 10, 200]);
    expect([middle, min, max]).toEqual([2, 2, 2]);
  });

  test("rounds without a partner are refused", () => {
    expect(() => pairedRatio([1, 2], [1])).toThrow("2 rounds against 1");
  });
});
