/** The report as a person reads it: a table of drivers, what to do about those that cannot run, and the matrix. */
import type { Support } from "@baton-io/core";
import Table from "cli-table3";
import { abilityRows, detailLines, headline, shortfallLines, supportText } from "../format.js";
import type { DetectReport, DriverReport } from "../report.js";
import type { Paint } from "./terminal.js";

/** cli-table3 paints heads and borders by itself unless told not to. */
const PLAIN = { head: [], border: [] };
const DRIVER_COLUMNS = 11;
const CAUSE_COLUMNS = 20;
/** Borders and padding of a table of three columns. */
const FRAME_COLUMNS = 4;
/** Padding inside a cell. */
const PADDING_COLUMNS = 2;

/** How much of a report is shown. */
export type ReportPart =
  /** What stands behind each finding, and what to do about drivers that cannot run. */
  | "details"
  /** What each driver can do. */
  | "abilities";

/** The report as text with a table of `columns` columns, and the parts asked for. */
export function renderReport(
  report: DetectReport,
  options: { readonly paint: Paint; readonly columns: number; readonly parts: readonly ReportPart[] },
): string {
  const { paint, columns } = options;
  const parts = [
    [
      paint("bold", headline(report)),
      `${report.runtime} on ${report.platform} ${report.arch}`,
      ...shortfallLines(report),
    ].join("\n"),
    driverTable(report, paint, columns),
  ];
  if (options.parts.includes("details")) {
    parts.push(...report.drivers.map((driver) => detailBlock(driver, report, paint)).filter((block) => block !== ""));
  }
  if (options.parts.includes("abilities")) {
    parts.push(matrix(report, "operations", paint, columns), matrix(report, "features", paint, columns));
  }
  return `${parts.join("\n\n")}\n`;
}

function driverTable(report: DetectReport, paint: Paint, columns: number): string {
  const findingColumns = columns - DRIVER_COLUMNS - CAUSE_COLUMNS - FRAME_COLUMNS;
  const table = new Table({
    head: ["driver", "cause", "finding"],
    style: PLAIN,
    colWidths: [DRIVER_COLUMNS, CAUSE_COLUMNS, findingColumns],
  });
  for (const driver of report.drivers) {
    const mark = driver.available ? paint("green", "✓") : paint("red", "✗");
    const name = driver.name === report.chosen ? paint("bold", driver.name) : driver.name;
    table.push([`${mark} ${name}`, driver.cause, wrap(driver.summary, findingColumns - PADDING_COLUMNS)]);
  }
  return table.toString();
}

/** Breaks between words, and inside a word that is longer than a line: cut words are better than lost ones. */
export function wrap(text: string, columns: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
    for (; line.length > columns; line = line.slice(columns)) lines.push(line.slice(0, columns));
  }
  return [...lines, line].join("\n");
}

/** Outside the table, so that a command can be copied in one piece. */
function detailBlock(driver: DriverReport, report: DetectReport, paint: Paint): string {
  const lines = detailLines(driver);
  if (lines.length === 0) return "";
  const state = driver.available ? "available" : "unavailable";
  const using =
    driver.available || report.chosen === null
      ? []
      : [`using     ${report.chosen}; programs run, nothing need be done`];
  return [`${paint("bold", driver.name)}: ${state}`, ...[...using, ...lines].map((line) => `  ${line}`)].join("\n");
}

function matrix(report: DetectReport, part: "operations" | "features", paint: Paint, columns: number): string {
  const first = 20;
  const each = Math.floor((columns - first - report.drivers.length - 2) / report.drivers.length);
  const table = new Table({
    head: [part, ...report.drivers.map((driver) => driver.name)],
    style: { ...PLAIN, compact: true },
    wordWrap: true,
    colWidths: [first, ...report.drivers.map(() => each)],
  });
  for (const { ability, supports } of abilityRows(report, part)) {
    table.push([ability, ...supports.map((support) => paintSupport(support, paint))]);
  }
  return table.toString();
}

function paintSupport(support: Support | null, paint: Paint): string {
  const text = supportText(support);
  switch (support?.kind) {
    case "native":
      return paint("green", text);
    case "emulated":
      return paint("yellow", text);
    default:
      return paint("dim", text);
  }
}
