/** Picks the driver for this machine, and tells why. */
import { type Backend, type BackendOptions, createBackend } from "@baton-io/core";
import { batonError, type Driver, describeValue, featureNames, opcodeNames } from "@baton-io/core/driver";
import { announce, announceShortfalls } from "./announce.js";
import type { DriverName } from "./candidates.js";
import { type Credentials, differ, readCredentials } from "./credentials.js";
import { publishFallback, publishShortfalls } from "./fallback.js";
import { type DetectHost, processHost } from "./host.js";
import type { Depth } from "./io-uring/surroundings.js";
import { expectDriverName, forcedDriver, nameText } from "./override.js";
import { type Ability, applyRequirements, chooseDriver, type Wish } from "./policy.js";
import { type DetectReport, driverRow, freezeReport, REPORT_SCHEMA } from "./report.js";
import { surveyDrivers } from "./survey.js";
import type { Surveyed } from "./surveyed.js";

export interface DetectOptions {
  /** Drivers liked best, best first; the others follow in their usual order: uring, epoll, libuv. */
  readonly prefer?: DriverName | readonly DriverName[];
  /** Operations and features the driver must have, natively or emulated, by their names in `capabilities`. */
  readonly require?: readonly Ability[];
  /** False: the expected driver, or `ERR_DRIVER_UNAVAILABLE`. Default true. */
  readonly allowFallback?: boolean;
  /**
   * True: what an earlier `detect` of this thread found is good enough, if there was one. Default false: look again,
   * and keep what is found. The choice among the findings is always made anew.
   */
  readonly cache?: boolean;
}

/** A driver, and how it came to be chosen. */
export interface DetectedDriver extends Driver {
  /** What was found; made anew each time the driver is opened, when it shows what it has less of than it asked for. */
  readonly report: DetectReport;
  /**
   * True when the process has changed user or groups since this driver was last opened. A ring keeps the credentials it
   * was made with: give up privileges first, and open the backend then.
   */
  credentialsChanged(): boolean;
}

/** Options of `openBackend`: those of `detect` and of `createBackend`. */
export type OpenBackendOptions = DetectOptions & Omit<BackendOptions, "driver">;

const detectOptionNames: readonly string[] = ["prefer", "require", "allowFallback", "cache"];

/**
 * Looks at every driver and resolves with the best one that runs here, to be given to `createBackend`. The operator
 * can force one with `BATON_DRIVER`. Rejects with `ERR_DRIVER_UNAVAILABLE` when the forced driver, or every driver,
 * cannot run (`error.cause` is then the report), with `ERR_DRIVER_UNKNOWN` for a name that no driver has, and with what
 * is wrong with the options.
 *
 * @example
 * const driver = await detect({ prefer: "epoll", require: ["directIo"] });
 * console.log(driver.report.chosen, driver.report.reason);
 * await using io = createBackend({ driver });
 */
export function detect(options: DetectOptions = {}): Promise<DetectedDriver> {
  return detectOn(processHost(), options);
}

/**
 * `detect` and `createBackend` in one call.
 *
 * @example await using io = await openBackend({ operationsMax: 1024 });
 */
export async function openBackend(options: OpenBackendOptions = {}): Promise<Backend> {
  checkIsObject("openBackend", options);
  const { prefer, require, allowFallback, cache, ...rest } = options;
  if ("driver" in rest) {
    throw batonError(
      "ERR_UNKNOWN_OPTION",
      "openBackend: driver is an option of createBackend. Choose one with prefer, or with BATON_DRIVER.",
    );
  }
  const driver = await detect({
    ...(prefer === undefined ? {} : { prefer }),
    ...(require === undefined ? {} : { require }),
    ...(allowFallback === undefined ? {} : { allowFallback }),
    ...(cache === undefined ? {} : { cache }),
  });
  return createBackend({ ...rest, driver });
}

/** `detect` with given surroundings. */
export async function detectOn(host: DetectHost, options: DetectOptions): Promise<DetectedDriver> {
  const wish = readWish(host, options);
  const { report, surveyed } = await examine(host, wish, { cache: options.cache === true });
  announce(report, host);
  publishFallback(report);
  const driver = report.chosen === null ? undefined : surveyed.get(report.chosen)?.driver;
  if (driver === undefined) throw noDriver(report);
  let openedBy: Credentials | undefined;
  let current = report;
  return Object.freeze({
    name: driver.name,
    probe: () => driver.probe(),
    open: (...args: Parameters<Driver["open"]>) => {
      openedBy = readCredentials();
      const session = driver.open(...args);
      const { shortfalls = [] } = session;
      current = freezeReport({ ...report, shortfalls });
      announceShortfalls(current, host);
      publishShortfalls(current);
      return session;
    },
    get report() {
      return current;
    },
    credentialsChanged: () => openedBy !== undefined && differ(openedBy, readCredentials()),
  });
}

/** How an examination looks. */
export interface ExamineOptions {
  /** True: what was found before will do. Default false. */
  readonly cache?: boolean;
  /** Default `"quick"`. */
  readonly depth?: Depth;
}

/** Surveys the drivers and chooses one; says nothing and throws nothing. */
export async function examine(
  host: DetectHost,
  wish: Wish,
  { cache = false, depth = "quick" }: ExamineOptions = {},
): Promise<{ readonly report: DetectReport; readonly surveyed: ReadonlyMap<DriverName, Surveyed> }> {
  const startMs = host.nowMs();
  const trusted = wish.forced?.name;
  const kept = cache && host.surveys.kept?.trusted === trusted ? host.surveys.kept : undefined;
  host.surveys.kept = kept ?? { trusted, survey: surveyDrivers(host, { depth, trusted }) };
  const { drivers: surveyed, ioUring } = await host.surveys.kept.survey;
  const drivers = applyRequirements(
    [...surveyed.values()].map((found) => found.report),
    wish.require,
  );
  const report = freezeReport({
    schema: REPORT_SCHEMA,
    runtime: host.runtime,
    platform: host.platform,
    arch: host.arch,
    ...chooseDriver(drivers, wish),
    drivers,
    ioUring,
    shortfalls: [],
    cached: kept !== undefined,
    elapsedMs: Math.round((host.nowMs() - startMs) * 1000) / 1000,
  });
  return { report, surveyed };
}

/** Options and environment as a wish. The environment is the operator's and goes before the program's preferences. */
export function readWish(host: DetectHost, options: DetectOptions): Wish {
  const wish = readDetectOptions(options);
  const forced = forcedDriver(host.env);
  return { ...wish, forced: forced === undefined ? undefined : { name: forced, by: "BATON_DRIVER" } };
}

/** Checks the options, each read once: what a getter answers the second time would not be what was checked. */
function readDetectOptions(options: DetectOptions): Omit<Wish, "forced"> {
  checkIsObject("detect", options);
  for (const name of Object.keys(options)) {
    if (!detectOptionNames.includes(name)) {
      const names = detectOptionNames.join(", ");
      throw batonError("ERR_UNKNOWN_OPTION", `detect: there is no option ${name}; there are: ${names}.`);
    }
  }
  // What a program without types may pass.
  const {
    prefer = [],
    require = [],
    allowFallback = true,
    cache = false,
  } = options as Readonly<Record<string, unknown>>;
  const preferred: readonly unknown[] = Array.isArray(prefer) ? [...prefer] : [prefer];
  if (!Array.isArray(require)) {
    throw batonError("ERR_INVALID_ARG_TYPE", "detect: require must be an array of operation and feature names.");
  }
  if (typeof allowFallback !== "boolean") {
    throw batonError("ERR_INVALID_ARG_TYPE", "detect: allowFallback must be true or false.");
  }
  if (typeof cache !== "boolean") {
    throw batonError("ERR_INVALID_ARG_TYPE", "detect: cache must be true or false.");
  }
  return {
    prefer: preferred.map((name) => expectDriverName("detect: prefer", name)),
    require: [...require].map(expectAbility),
    allowFallback,
  };
}

function checkIsObject(where: string, options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw batonError("ERR_INVALID_ARG_TYPE", `${where}: options must be an object, not ${describeValue(options)}.`);
}

const abilities: readonly Ability[] = [...opcodeNames, ...featureNames];

function expectAbility(value: unknown): Ability {
  const ability = abilities.find((known) => known === value);
  if (ability !== undefined) return ability;
  const text = `detect: require: there is no operation or feature ${nameText(value)}.`;
  throw batonError("ERR_INVALID_ARG_VALUE", text);
}

function noDriver(report: DetectReport): Error {
  const { expected, forcedBy } = report;
  const row = driverRow(report, expected);
  const subject = forcedBy === null ? "No driver can run here" : `${forcedBy} asks for the driver ${expected}`;
  const { command, anchor, risk } = row.remedy ?? {};
  const fix = command === undefined ? "" : ` Fix: ${command}`;
  const read = [anchor, risk].filter((page) => page !== undefined).join(" and ");
  return batonError(
    "ERR_DRIVER_UNAVAILABLE",
    `detect: ${subject}: ${row.cause}. ${row.summary}${fix}${read === "" ? "" : ` (read ${read})`}`,
    {
      driver: expected,
      cause: report,
    },
  );
}
