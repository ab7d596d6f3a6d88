/** `docs/reference/report.md` has every field and every code that there is. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { causeTable, type DetectReport, detect, FALLBACK_CHANNEL, ioUringCauses } from "../src/index.js";
import { evidence, refused } from "./io-uring/fixtures.js";

const page = readFileSync(new URL("../../../docs/reference/report.md", import.meta.url), "utf8");
const prose = page.replaceAll(/^```.*?^```$/gms, "");
const words = new Set([...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));

/** Paths of an object's fields, two levels deep: `kernel.release`. */
function paths(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([name, part]) => {
    const path = `${prefix}${name}`;
    const deeper = typeof part === "object" && part !== null && !Array.isArray(part) && prefix === "";
    return deeper ? paths(part, `${path}.`) : [path];
  });
}

describe("the page about the report", () => {
  test("has every field of the report and of a driver's row", async () => {
    const { report } = await detect({ cache: true });
    const missing = [...Object.keys(report), ...Object.keys(report.drivers[0]!)].filter((name) => !words.has(name));
    expect(missing).toEqual([]);
  });

  test("has every field of the evidence", () => {
    const found = evidence(refused(1, 1, 1));
    const { answers } = found.probe.kind === "answered" ? found.probe : { answers: {} };
    const names = [...Object.keys(found), ...paths(found.surroundings), ...Object.keys(answers)];
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  test("has every cause, with its meaning", () => {
    expect(Object.keys(ioUringCauses).filter((code) => code in causeTable)).toEqual([]);
    for (const [code, meaning] of [...Object.entries(ioUringCauses), ...Object.entries(causeTable)]) {
      expect(page).toContain(`| \`${code}\` | ${meaning} |`);
    }
  });

  test("has every choice, and the channel", () => {
    const choices: Record<DetectReport["choice"], true> = { EXPECTED: true, FORCED: true, FALLBACK: true, NONE: true };
    for (const name of [...Object.keys(choices), FALLBACK_CHANNEL]) expect(words).toContain(name);
  });
});
