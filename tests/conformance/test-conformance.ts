/** The kit as vitest tests: one test per case, one line and one file of counts at the end. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type ConformanceCase,
  conformance,
  leftOut,
  type SubjectSource,
  summarise,
  summaryLine,
} from "@baton-io/core/testing";
import { afterAll, describe, test } from "vitest";
import { isTurn } from "../setup/turns.js";

const reportDirectory = fileURLToPath(new URL("../../.baton/", import.meta.url));

export interface TestOptions {
  /** Leaves cases out, for mixed pairs; default: none. */
  readonly select?: (one: ConformanceCase) => boolean;
  /** It repeats what another run of the kit tests as a whole: its cases take turns. Default: false. */
  readonly takesTurns?: boolean;
  /** Looks at the world of a case that has passed; throws when it is not in order. */
  readonly check?: (one: ConformanceCase) => void;
}

/** Registers a test for each case. `name` is what the report is called. */
export function testConformance(name: string, source: SubjectSource, options: TestOptions = {}): void {
  const { select = () => true, takesTurns = false, check } = options;
  const results: { readonly id: string; readonly kind: ConformanceCase["kind"]; passed: boolean }[] = [];
  const selected = conformance(source).filter(select);
  const cases = takesTurns ? selected.filter((_, index) => isTurn(index)) : selected;
  describe(`conformance ${name}`, () => {
    for (const one of cases) {
      test(`${one.id} · ${one.title}`, async () => {
        const result = { id: one.id, kind: one.kind, passed: false };
        results.push(result);
        await one.run();
        check?.(one);
        result.passed = true;
      });
    }
    afterAll(() => {
      // With a name pattern only some of them ran: then there is nothing to count.
      if (results.length < cases.length) return;
      const summary = summarise(name, results, leftOut(source).length);
      mkdirSync(reportDirectory, { recursive: true });
      writeFileSync(`${reportDirectory}conformance-${name}.json`, `${JSON.stringify(summary, undefined, 2)}\n`);
      const waiting = selected.length - cases.length;
      process.stdout.write(`${summaryLine(summary)}${waiting > 0 ? `, ${waiting} left to the next commits` : ""}\n`);
    });
  });
}
