import { describe, expect, test } from "vitest";
import type { Case, Sample } from "../case.mjs";
import { cases } from "../cases/index.mjs";
import { type Goal, judgeGoals } from "../goals.mjs";
import { renderTable, summariseVariant } from "../report.mjs";

const rounds = (...operations: number[]): Sample[] =>
  operations.map((count) => ({ operations: count, elapsedMs: 1000, cpuMs: 500 }));

const measurements = [
  { implementation: "ours", samples: rounds(2_000_000, 2_200_000, 1_800_000) },
  { implementation: "theirs", samples: rounds(1_000_000, 1_100_000, 900_000) },
];

const base: Pick<Case, "name" | "title" | "variants" | "baselines" | "implementations" | "run"> = {
  name: "x",
  title: "x",
  variants: [],
  baselines: ["theirs"],
  implementations: () => [],
  run: () => Promise.reject(new Error("not run")),
};

describe("the table of a benchmark", () => {
  test("has the ratio first, then the rate with its spread, then the CPU time of each operation", () => {
    const rows = summariseVariant(measurements, ["theirs", "absent"]);
    expect(rows[0]).toMatchObject({
      implementation: "ours",
      ratios: { theirs: { median: 2 } },
      perSecond: { median: 2_000_000, min: 1_800_000, max: 2_200_000 },
      cpuMicroseconds: { median: 0.25 },
      heapBytes: undefined,
    });
    expect(rows[0]?.ratios).not.toHaveProperty("absent");
    const table = renderTable(rows, { ...base, unit: "reads", shows: "rate" }).split("\n");
    expect(table[0]).toMatch(/× theirs\s+reads\/s\s+min – max\s+CPU µs each/);
    expect(table[1]).toMatch(/^ {2}ours\s+2\.00\s+2\.00 M\s+1\.80 M – 2\.20 M\s+0\.25$/);
    expect(table[2]).toMatch(/^ {2}theirs\s+1\.00\s+1\.00 M/);
  });

  test("spreads CPU time over the operations it was spent on, when those are others than were counted", () => {
    const samples = [{ operations: 100, elapsedMs: 1000, cpuMs: 50, cpuOperations: 200 }];
    expect(summariseVariant([{ implementation: "a", samples }], [])[0]?.cpuMicroseconds.median).toBe(250);
  });

  test("shows bytes where the case is about bytes", () => {
    const samples = rounds(1000, 1000).map((sample, index) => ({ ...sample, heapBytes: 200_000 + index * 2000 }));
    const rows = summariseVariant([{ implementation: "core", samples }], []);
    const table = renderTable(rows, { ...base, unit: "operations", shows: "heap" }).split("\n");
    expect(table[0]).toMatch(/bytes each\s+min – max/);
    expect(table[1]).toMatch(/core\s+201\s+200 – 202/);
  });
});

describe("the goals of a benchmark", () => {
  const rows = summariseVariant(measurements, ["theirs"]);
  const goal = (rest: Partial<Goal>): Goal => ({
    implementation: "ours",
    variant: "depth 1",
    figure: "ratio",
    ...rest,
  });

  test("are told with what was reached, for the variant and implementation they are about", () => {
    const goals = [
      goal({ against: "theirs", least: 1.5 }),
      goal({ against: "theirs", least: 2.5 }),
      goal({ figure: "rate", least: 1_000_000 }),
      goal({ figure: "rate", most: 1_000_000 }),
    ];
    expect(judgeGoals(goals, "depth 1", rows)).toEqual([
      { text: "ours: at least 1.5 × theirs, reached with 2", reached: true },
      { text: "ours: at least 2.5 × theirs, missed with 2", reached: false },
      { text: "ours: at least 1,000,000 a second, reached with 2,000,000", reached: true },
      { text: "ours: at most 1,000,000 a second, missed with 2,000,000", reached: false },
    ]);
  });

  test("of what did not take part are left out", () => {
    const goals = [
      goal({ against: "theirs", least: 1, variant: "depth 32" }),
      goal({ against: "theirs", least: 1, implementation: "absent" }),
      goal({ against: "absent", least: 1 }),
      goal({ figure: "heapBytes", most: 300 }),
    ];
    expect(judgeGoals(goals, "depth 1", rows)).toEqual([]);
  });
});

test("every goal of every case names a variant and a baseline that the case has", () => {
  for (const { goals = [], variants, baselines } of cases) {
    for (const { variant, figure, against } of goals) {
      expect(variants.map(({ name }) => name)).toContain(variant);
      if (figure === "ratio") expect(baselines).toContain(against);
    }
  }
});
