/** What detection says by itself, on stderr: at most one line, unless the operator asks for more. */

import { formatReport, headline, shortfallLines } from "./format.js";
import type { DetectHost } from "./host.js";
import { logLevel, probeSetting } from "./override.js";
import { type DetectReport, driverRow } from "./report.js";

/** Facts of the installation, not of the machine: whoever left a package out knows it. */
const expectedCauses: ReadonlySet<string> = new Set(["NOT_INSTALLED", "WRONG_PLATFORM", "LACKS_ABILITY", "PROBE_OFF"]);

/** Lines that were said already: a process that detects again, or in every worker, does not repeat itself. */
const said = new Set<string>();

/** Says what the operator should know about the choice, as far as `BATON_LOG` lets it. */
export function announce(report: DetectReport, host: DetectHost): void {
  const { level, misspelt } = logLevel(host.env);
  const say = (line: string) => sayOnce(line, host);
  if (misspelt !== undefined) {
    say(`baton: BATON_LOG=${JSON.stringify(misspelt)} is none of silent, warn, info, debug; it is taken as warn.`);
  }
  const probe = probeSetting(host.env);
  if (probe.misspelt !== undefined) {
    say(`baton: BATON_PROBE=${JSON.stringify(probe.misspelt)} is none of auto, child, off; it is taken as auto.`);
  }
  if (level === "silent") return;
  if (level === "debug") return say(formatReport(report).trimEnd());
  if (level === "info") return say(`baton: ${headline(report)}`);
  const expected = driverRow(report, report.expected);
  if (report.choice === "FALLBACK" && !expectedCauses.has(expected.cause)) {
    say(
      `baton: using ${report.chosen}, not ${expected.name}: ${expected.cause}. ${expected.summary} See: baton doctor`,
    );
  }
}

/** Says that the driver has less than it asked for; unless `BATON_LOG` is silent. */
export function announceShortfalls(report: DetectReport, host: DetectHost): void {
  if (logLevel(host.env).level === "silent") return;
  for (const line of shortfallLines(report)) sayOnce(`baton: ${line} See: baton doctor`, host);
}

function sayOnce(line: string, host: DetectHost): void {
  if (said.has(line)) return;
  said.add(line);
  host.writeLine(line);
}
