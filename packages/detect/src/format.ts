/** A report as plain text, for logs and terminals of any kind. */
import type { Capabilities, Remedy, Shortfall, Support } from "@baton-io/core";
import type { DetectReport, DriverReport } from "./report.js";

export interface FormatOptions {
  /** Add what each driver can do, operation by operation; default false. */
  readonly explain?: boolean;
}

/**
 * The report as text: what is used and why, then each driver with its mark, cause, evidence and remedy.
 *
 * @example console.log(formatReport((await detect()).report));
 */
export function formatReport(report: DetectReport, options: FormatOptions = {}): string {
  const lines = [headline(report), `${report.runtime} on ${report.platform} ${report.arch}`, ...shortfallLines(report)];
  for (const driver of report.drivers) lines.push("", ...driverLines(driver));
  if (options.explain === true) lines.push("", ...matrixLines(report));
  return `${lines.join("\n")}\n`;
}

/** What is used, and why, in one line. */
export function headline(report: DetectReport): string {
  return report.chosen === null ? `No driver. ${report.reason}` : `Using ${report.chosen}. ${report.reason}`;
}

/** What the driver in use has less of than it asked for, line by line. */
export function shortfallLines({ chosen, shortfalls }: Pick<DetectReport, "chosen" | "shortfalls">): string[] {
  return shortfalls.map(
    ({ what, wanted, got, reason }: Shortfall) => `${chosen ?? "?"} has ${got} of ${wanted} ${what}: ${reason}.`,
  );
}

/** Columns before a driver's details. */
const LABEL_COLUMNS = 10;

function driverLines(driver: DriverReport): string[] {
  const mark = driver.available ? "✓" : "✗";
  const details = detailLines(driver).map((line) => `    ${line}`);
  return [`${mark} ${driver.name.padEnd(8)}${driver.cause}  ${driver.summary}`, ...details];
}

/**
 * What stands behind a driver's finding, in labelled lines: evidence, the next obstacle, what to do, and at what risk.
 * A command has a line of its own, so that it can be copied in one piece.
 */
export function detailLines(driver: DriverReport): string[] {
  const lines: string[] = [];
  const add = (label: string, texts: readonly (string | undefined)[]) => {
    let name = label;
    for (const text of texts) {
      if (text === undefined) continue;
      lines.push(`${name.padEnd(LABEL_COLUMNS)}${text}`);
      name = "";
    }
  };
  add(
    "evidence",
    driver.evidence.map(({ name, value }) => `${name}: ${value}`),
  );
  for (const next of driver.next) add("next", [`${next.cause}  ${next.summary}`, ...remedyTexts(next.remedy)]);
  if (driver.available) return lines;
  if (driver.remedy === null) add("fix", ["Nothing to be done here."]);
  else add("fix", remedyTexts(driver.remedy));
  if (driver.remedy?.risk !== undefined) add("risk", [`read ${driver.remedy.risk} first`]);
  return lines;
}

function remedyTexts(remedy: Remedy | undefined): readonly (string | undefined)[] {
  return [remedy?.text, remedy?.command === undefined ? undefined : `$ ${remedy.command}`, remedy?.anchor];
}

/** One row of the matrix of abilities. */
export interface AbilityRow {
  readonly ability: string;
  /** By driver, in the order of the report. */
  readonly supports: readonly (Support | null)[];
}

/** The matrix of abilities of all drivers: operations, then features. */
export function abilityRows(report: DetectReport, part: keyof Capabilities): AbilityRow[] {
  const known = report.drivers.find((driver) => driver.capabilities !== null)?.capabilities;
  return Object.keys(known?.[part] ?? {}).map((ability) => ({
    ability,
    supports: report.drivers.map(({ capabilities }) => {
      const supports: Readonly<Record<string, Support>> = capabilities?.[part] ?? {};
      return supports[ability] ?? null;
    }),
  }));
}

/** A cell of the matrix. */
export function supportText(support: Support | null): string {
  if (support === null) return "–";
  switch (support.kind) {
    case "native":
      return support.how === undefined ? "native" : `native: ${support.how}`;
    case "emulated":
      return `emulated: ${support.how}`;
    case "unsupported":
      return `unsupported: ${support.why}`;
  }
}

function matrixLines(report: DetectReport): string[] {
  return (["operations", "features"] as const).flatMap((part) => [
    part,
    ...abilityRows(report, part).flatMap(({ ability, supports }) => [
      `  ${ability}`,
      ...report.drivers.map(({ name }, index) => `    ${name.padEnd(8)}${supportText(supports[index] ?? null)}`),
    ]),
  ]);
}
