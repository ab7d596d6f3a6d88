/**
 * Why a driver cannot run, as far as that can be told without asking the driver. A driver's own probe adds its own
 * codes. Codes are permanent: programs compare them.
 */
import { type Evidence, isInstalled, type Remedy, type Unavailable } from "@baton-io/core/driver";
import type { Candidate } from "./candidates.js";
import type { IoUringCause } from "./io-uring/cause-table.js";

/** Where the documentation treats how drivers are installed and chosen. */
const CHOOSING_ANCHOR = "docs/guides/choosing-a-driver.md";

/** What each of detection's own causes means. */
export const causeTable = {
  NOT_INSTALLED: "The driver's package is not installed.",
  NOT_BUILT: "The driver's package is installed, but what it runs is missing from it.",
  WRONG_PLATFORM: "The driver is not made for this operating system.",
  RUNTIME_PERMISSION: "The runtime was started without a permission that is needed.",
  LOAD_FAILED: "The driver's package is installed and cannot be loaded.",
  OPTIONS_REFUSED: "The driver refuses an option that the environment gives it.",
  PROBE_FAILED: "The driver's probe broke instead of answering.",
  LACKS_ABILITY: "The driver runs, but has not what `require` asks for.",
} as const;

/** Permanent code of a cause that detection finds by itself. */
export type CauseCode = keyof typeof causeTable;

function unavailable(
  cause: CauseCode | IoUringCause,
  summary: string,
  evidence: readonly Evidence[],
  remedy: Remedy | undefined,
): Unavailable {
  return { available: false, cause, summary, evidence, ...(remedy === undefined ? {} : { remedy }) };
}

export function notInstalled(candidate: Candidate): Unavailable {
  return unavailable(
    "NOT_INSTALLED",
    `The package ${candidate.package} is not installed.`,
    [{ name: "package", value: `${candidate.package}: not found` }],
    {
      text: "Install the driver's package.",
      command: `npm install ${candidate.package}`,
      anchor: CHOOSING_ANCHOR,
    },
  );
}

export function notBuilt(candidate: Candidate, missing: string): Unavailable {
  return unavailable(
    "NOT_BUILT",
    `The package ${candidate.package} is there, but what it runs is missing from it.`,
    [{ name: "missing", value: missing }],
    // In a clone the packages have not been built; an installed package is incomplete.
    isInstalled(missing)
      ? {
          text: "Install the package again.",
          command: `npm install --force ${candidate.package}`,
          anchor: CHOOSING_ANCHOR,
        }
      : { text: "Build the packages of the clone.", command: "npm run build", anchor: CHOOSING_ANCHOR },
  );
}

export function noDescriptors(candidate: Candidate, reason: string): Unavailable {
  return unavailable(
    "NOFILE",
    `No file descriptor is left to load the package ${candidate.package} with.`,
    [{ name: "error", value: reason }],
    {
      text: "Raise the limit on open files before the program starts, or close what is open.",
      command: "ulimit -n 65536",
      anchor: "docs/CLOUD_SETUP.md#nofile",
    },
  );
}

export function readingForbidden(candidate: Candidate, reason: string): Unavailable {
  return unavailable(
    "RUNTIME_PERMISSION",
    `This runtime was started without the permission to read the package ${candidate.package}.`,
    [{ name: "error", value: reason }],
    {
      text: "Start Node with --allow-fs-read for the packages, or Deno with --allow-read.",
      anchor: "docs/CLOUD_SETUP.md#runtime-permissions",
    },
  );
}

export function wrongPlatform(candidate: Candidate, platform: string): Unavailable {
  const made = candidate.platforms === "any" ? "any system" : candidate.platforms.join(", ");
  return unavailable(
    "WRONG_PLATFORM",
    `The driver ${candidate.name} is made for ${made}.`,
    [{ name: "platform", value: platform }],
    undefined,
  );
}

export function loadFailed(candidate: Candidate, reason: string): Unavailable {
  return unavailable(
    "LOAD_FAILED",
    `The package ${candidate.package} cannot be loaded.`,
    [{ name: "error", value: reason }],
    {
      text: "Install the package again, in the version of the others.",
      command: `npm install ${candidate.package}`,
      anchor: CHOOSING_ANCHOR,
    },
  );
}

export function optionsRefused(candidate: Candidate, reason: string): Unavailable {
  return unavailable(
    "OPTIONS_REFUSED",
    `The driver ${candidate.name} refuses an option that the environment gives it: ${reason}`,
    [{ name: "error", value: reason }],
    { text: "Correct the environment variable, or take it away.", anchor: CHOOSING_ANCHOR },
  );
}

export function probeFailed(candidate: Candidate, reason: string): Unavailable {
  return unavailable(
    "PROBE_FAILED",
    `The probe of the driver ${candidate.name} failed instead of answering.`,
    [{ name: "error", value: reason }],
    { text: "This is a bug in the driver: please report it with the evidence." },
  );
}

export function lacksAbility(name: string, missing: readonly string[]): Unavailable {
  return unavailable(
    "LACKS_ABILITY",
    `The driver ${name} runs here, but lacks what is required: ${missing.join(", ")}.`,
    missing.map((ability) => ({ name: ability, value: "unsupported" })),
    { text: "Require less, or choose another driver.", command: "npx baton doctor --explain", anchor: CHOOSING_ANCHOR },
  );
}
