/** Cases as data: what a clause writes down, and what comes out of the kit for a test runner. */
import type { FeatureName, OpcodeName } from "@baton-io/core";
import type { CaseContext } from "./context.js";
import type { SubjectMeans } from "./subject.js";

/** The promise that a case holds a driver to; `docs/coverage.md` says each in a sentence. */
export type PromiseId =
  | "ends-once"
  | "lent-is-out-of-reach"
  | "buffer-comes-home"
  | "lent-shared-or-exclusive"
  | "cancel-has-one-contract"
  | "nothing-is-lost"
  | "abandoned-becomes-orphan"
  | "closing-is-orderly"
  | "lacking-is-refused"
  | "full-is-back-pressure";

/** What a driver must support for a case to make sense. A driver without it gets the negative case instead. */
export type Need = OpcodeName | FeatureName;

/** One case, as a clause writes it down. */
export interface CaseDefinition {
  /** Permanent; unique within its clause. */
  readonly id: string;
  /** A sentence about behaviour. */
  readonly title: string;
  readonly promise?: PromiseId;
  /** Beside what the whole clause needs. */
  readonly needs?: readonly Need[];
  /** Counts on a driver that makes no trouble: exact sizes, the order of unrelated operations. */
  readonly calmOnly?: boolean;
  /** What the subject must supply beside the driver. Left out, and counted, where it does not. */
  readonly subjectNeeds?: readonly SubjectMeans[];
  /** Mutants of `tests/mutants` that it was seen to fail for. */
  readonly mutants?: readonly string[];
  run(context: CaseContext): Promise<void> | void;
}

/** One clause of the contract. */
export interface Clause {
  /** Permanent: the first part of its cases' ids. */
  readonly id: string;
  /** What it is about. */
  readonly title: string;
  readonly promise?: PromiseId;
  readonly needs?: readonly Need[];
  readonly cases: readonly CaseDefinition[];
}

/** One case for one subject, ready to run. */
export interface ConformanceCase {
  /** `clause/case`, or `refusal/need` for a negative one. */
  readonly id: string;
  readonly clause: string;
  readonly promise?: PromiseId;
  readonly title: string;
  /** `negative`: the driver declares that it lacks something, and asking for it must be refused. */
  readonly kind: "positive" | "negative";
  readonly mutants: readonly string[];
  /** For a negative case: ids of the positive ones that it stands for. */
  readonly replaces: readonly string[];
  /** Resolves when the case has passed and its ledger is balanced; rejects with what was found. */
  run(): Promise<void>;
}
