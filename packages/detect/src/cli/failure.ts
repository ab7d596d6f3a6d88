/** How the command fails: one line on stderr, never a stack. */
import { BatonError } from "@baton-io/core";
import { Finding } from "../demo/finding.js";
import { JobError } from "../demo/job.js";

/** A failure with its exit code; the message is the line. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}

/** What the user is told of an error that was to be expected: of the system, of Baton, or of the command itself. */
export function failureLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ");
}

/** True for errors that are the surroundings' doing; anything else is a bug, and then the stack is what helps. */
export function isExpected(error: unknown): boolean {
  if (error instanceof JobError) return isExpected(error.cause);
  return error instanceof CommandFailure || error instanceof Finding || error instanceof BatonError || hasCode(error);
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
