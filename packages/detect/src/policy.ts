/** Which driver it shall be: a pure function from what was found and what is wanted to a choice with its reason. */
import { type FeatureName, isSupported, type OpcodeName } from "@baton-io/core";
import { type DriverName, driverNames } from "./candidates.js";
import { lacksAbility } from "./cause.js";
import type { ChoiceCode, DriverReport } from "./report.js";

/** An operation or a feature, by the name it has in `capabilities`. */
export type Ability = OpcodeName | FeatureName;

/** What the caller and the operator want. */
export interface Wish {
  /** Drivers the caller likes best, best first; empty when any will do. */
  readonly prefer: readonly DriverName[];
  readonly require: readonly Ability[];
  readonly forced: { readonly name: DriverName; readonly by: string } | undefined;
  readonly allowFallback: boolean;
}

/** A choice: part of the report. */
export interface Choice {
  readonly chosen: DriverName | null;
  readonly expected: DriverName;
  readonly choice: ChoiceCode;
  readonly reason: string;
  readonly forcedBy: string | null;
}

/** Marks drivers that run but lack what is required, so that the report says why they were not chosen. */
export function applyRequirements(drivers: readonly DriverReport[], require: readonly Ability[]): DriverReport[] {
  return drivers.map((driver) => {
    if (driver.capabilities === null) return driver;
    const missing = require.filter((ability) => !hasAbility(driver, ability));
    if (missing.length === 0) return driver;
    const { cause, summary, evidence, remedy } = lacksAbility(driver.name, missing);
    return { ...driver, available: false, cause, summary, evidence, remedy: remedy ?? null };
  });
}

function hasAbility({ capabilities }: DriverReport, ability: Ability): boolean {
  const all: Readonly<Record<string, Parameters<typeof isSupported>[0]>> = {
    ...capabilities?.operations,
    ...capabilities?.features,
  };
  const support = all[ability];
  return support !== undefined && isSupported(support);
}

/** Chooses among the drivers of a report. */
export function chooseDriver(drivers: readonly DriverReport[], wish: Wish): Choice {
  const row = (name: DriverName) => drivers.find((driver) => driver.name === name);
  const runs = (name: DriverName) => row(name)?.available === true;
  const cause = (name: DriverName) => row(name)?.cause ?? "NOT_INSTALLED";
  const order = [...wish.prefer, ...driverNames.filter((name) => !wish.prefer.includes(name))];
  const expected = wish.forced?.name ?? expectedDriver(order, wish, cause);
  const forcedBy = wish.forced?.by ?? (wish.allowFallback ? null : "allowFallback: false");

  if (forcedBy !== null) {
    return runs(expected)
      ? { chosen: expected, expected, choice: "FORCED", reason: `${expected} is forced by ${forcedBy}.`, forcedBy }
      : {
          chosen: null,
          expected,
          choice: "NONE",
          reason: `${expected} is forced by ${forcedBy} and cannot run: ${cause(expected)}.`,
          forcedBy,
        };
  }
  const chosen = order.find(runs);
  if (chosen === undefined) {
    return { chosen: null, expected, choice: "NONE", reason: "No driver can run here.", forcedBy };
  }
  if (chosen === expected) {
    const why = wish.prefer.length > 0 ? "It is preferred, and it runs." : "It is the best one made for this system.";
    return { chosen, expected, choice: "EXPECTED", reason: why, forcedBy };
  }
  return {
    chosen,
    expected,
    choice: "FALLBACK",
    reason: `Fallen back from ${expected}, which cannot run: ${cause(expected)}.`,
    forcedBy,
  };
}

/** The first of the order; when nobody asked for it by name, one not made for this system is not expected. */
function expectedDriver(order: readonly DriverName[], wish: Wish, cause: (name: DriverName) => string): DriverName {
  const first = order[0]!;
  if (wish.prefer.length > 0) return first;
  return order.find((name) => cause(name) !== "WRONG_PLATFORM") ?? first;
}
