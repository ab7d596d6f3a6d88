/** What the demo prints about its jobs. */
import Table from "cli-table3";
import type { JobResult } from "../demo/job.js";
import type { Paint } from "./terminal.js";

const count = (value: number) => value.toLocaleString("en-US");
const size = (bytes: number) => (bytes < 2 ** 20 ? `${count(bytes)} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(3)} s`;
/** A rate, or a dash where there was nothing to measure. */
const rate = (amount: number, ms: number) => (amount === 0 || ms === 0 ? "–" : count(Math.round(amount / (ms / 1000))));

/** One driver's job in three lines. */
export function jobLines({ driver, copy, echo, race }: JobResult, paint: Paint): string {
  const ok = paint("green", "✓");
  return [
    paint("bold", driver),
    `  ${ok} copy    ${size(copy.bytes)} in ${seconds(copy.elapsedMs)}, SHA-256 of source and copy are equal`,
    `  ${ok} echo    ${count(echo.roundTrips)} round trips over ${echo.connections} connections in ${seconds(echo.elapsedMs)}, every byte compared`,
    `  ${ok} cancel  ${count(race.rounds)} accepts aborted while a connection came: ${race.wonByAccept} had it, ${race.keptForNext} left it to the next accept, ${race.lost} lost`,
  ].join("\n");
}

/** All drivers side by side. */
export function summaryTable(jobs: readonly JobResult[], paint: Paint): string {
  const table = new Table({
    head: ["", ...jobs.map((job) => paint("bold", job.driver))],
    style: { head: [], border: [], compact: true },
    colAligns: ["left", ...jobs.map(() => "right" as const)],
  });
  const row = (label: string, cell: (job: JobResult) => string) => table.push([label, ...jobs.map(cell)]);
  row("copied, bytes", ({ copy }) => count(copy.bytes));
  row("copy, time", ({ copy }) => seconds(copy.elapsedMs));
  row("copy, MB/s", ({ copy }) => rate(copy.bytes / 1e6, copy.elapsedMs));
  row("round trips/s", ({ echo }) => rate(echo.roundTrips, echo.elapsedMs));
  row("connections lost", ({ race }) => count(race.lost));
  row("operations", ({ operations }) => count(operations));
  row("native calls ¹", ({ driverCalls }) => count(driverCalls));
  row("buffers home", ({ buffers }) => count(buffers.home));
  row("buffers lent", ({ buffers }) => count(buffers.lent));
  row("buffers leaked", ({ buffers }) => count(buffers.leaked));
  return [
    table.toString(),
    "¹ Batches handed to the driver: one call into native code each, with a native driver. libuv's driver is JavaScript",
    "  and calls the runtime once for each operation in the batch.",
  ].join("\n");
}
