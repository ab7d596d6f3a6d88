// @ts-check
/** Measurements as rows, and rows as a table: ratios first, because they travel between machines and rates do not. */
import { pairedRatio, summarise } from "./statistics.mjs";

/** @typedef {ReturnType<typeof summarise>} Summary */

/**
 * @typedef {object} Row
 * @property {string} implementation
 * @property {Record<string, Summary>} ratios By baseline.
 * @property {Summary} perSecond
 * @property {Summary} cpuMicroseconds For each operation.
 * @property {Summary | undefined} heapBytes For each operation.
 */

/** @param {import("./case.mjs").Sample} sample */
const rate = ({ operations, elapsedMs }) => operations / (elapsedMs / 1000);

/**
 * @param {readonly import("./measure.mjs").Measurement[]} measurements Of one variant.
 * @param {readonly string[]} baselines
 * @returns {Row[]}
 */
export function summariseVariant(measurements, baselines) {
  return measurements.map(({ implementation, samples }) => {
    const rates = samples.map(rate);
    /** @type {Record<string, Summary>} */
    const ratios = {};
    for (const baseline of baselines) {
      const other = measurements.find((measurement) => measurement.implementation === baseline);
      if (other !== undefined) ratios[baseline] = pairedRatio(rates, other.samples.map(rate));
    }
    const heap = samples.flatMap(({ heapBytes, operations }) =>
      heapBytes === undefined ? [] : [heapBytes / operations],
    );
    return {
      implementation,
      ratios,
      perSecond: summarise(rates),
      cpuMicroseconds: summarise(
        samples.map(({ cpuMs, cpuOperations, operations }) => (cpuMs * 1000) / (cpuOperations ?? operations)),
      ),
      heapBytes: heap.length === 0 ? undefined : summarise(heap),
    };
  });
}

/** @param {number} value Three digits that matter. */
function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e5) return `${(value / 1e3).toFixed(0)} k`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`;
  return value.toFixed(value < 10 ? 2 : 0);
}

/**
 * @param {readonly Row[]} rows
 * @param {import("./case.mjs").Case} benchmark
 * @returns {string}
 */
export function renderTable(rows, benchmark) {
  return alignColumns(benchmark.shows === "heap" ? heapCells(rows) : rateCells(rows, benchmark.unit));
}

/** @param {readonly Row[]} rows @param {string} unit */
function rateCells(rows, unit) {
  const baselines = [...new Set(rows.flatMap((row) => Object.keys(row.ratios)))];
  const head = ["", ...baselines.map((name) => `× ${name}`), `${unit}/s`, "min – max", "CPU µs each"];
  const lines = rows.map(({ implementation, ratios, perSecond, cpuMicroseconds }) => [
    implementation,
    ...baselines.map((baseline) => ratios[baseline]?.median.toFixed(2) ?? "–"),
    short(perSecond.median),
    `${short(perSecond.min)} – ${short(perSecond.max)}`,
    cpuMicroseconds.median.toFixed(2),
  ]);
  return [head, ...lines];
}

/** @param {readonly Row[]} rows */
function heapCells(rows) {
  const lines = rows.map(({ implementation, heapBytes }) => [
    implementation,
    heapBytes?.median.toFixed(0) ?? "–",
    heapBytes === undefined ? "–" : `${heapBytes.min.toFixed(0)} – ${heapBytes.max.toFixed(0)}`,
  ]);
  return [["", "bytes each", "min – max"], ...lines];
}

/** The first column to the left, the others to the right. @param {readonly (readonly string[])[]} lines */
function alignColumns(lines) {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("   "),
    )
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}
