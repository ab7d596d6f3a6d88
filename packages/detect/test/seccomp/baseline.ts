/** What must run here without any filter, for the tests to be about the filter. */
import type { DetectReport } from "@baton-io/detect";
import type { TestContext } from "vitest";
import { runCli } from "../run-cli.js";

let whyNot: Promise<string | undefined> | undefined;

/** Skips, with the reason, where io_uring or epoll does not run to begin with. */
export async function needsIoUring({ skip }: TestContext): Promise<void> {
  whyNot ??= findOut();
  const reason = await whyNot;
  if (reason !== undefined) skip(reason);
}

async function findOut(): Promise<string | undefined> {
  if (process.platform !== "linux") return "io_uring is of Linux";
  const { stdout, stderr } = await runCli(["doctor", "--json"]);
  // A command that broke is a failure of the tests that need it, and says so there.
  if (stdout === "") throw new Error(`baton doctor: ${stderr}`);
  const { drivers } = JSON.parse(stdout) as DetectReport;
  const missing = drivers.find(({ available }) => !available);
  return missing && `needs a machine on which ${missing.name} runs; here: ${missing.cause}. ${missing.summary}`;
}
