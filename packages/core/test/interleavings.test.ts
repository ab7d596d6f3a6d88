/**
 * The real core under every order of what a caller and a driver can do to two operations, up to eight events deep.
 * Orders that lead to the same situation are followed further only once.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../src/base/clock.js";
import { ERRNO } from "../src/driver.js";
import type { Backend, Clock, File, Operation, OwnedBuffer } from "../src/index.js";
import { createHandDriver, flushed, type HandDriver, handBackend, handFile, type Taken } from "./sim/hand-driver.js";

const DEPTH = 8;
const OPERATIONS = 2;

/** What can happen to one operation; `flush` and `answer` happen to all that are queued, or to the oldest cancel. */
const happenings = ["flush", "answer", "cancel", "abandon", "data", "canceled", "interrupted"] as const;
type Happening = (typeof happenings)[number];
interface Step {
  readonly what: Happening;
  readonly which: number;
}

/** One operation under test, and what its caller has heard. */
interface Subject {
  readonly operation: Operation<unknown>;
  readonly buffer: OwnedBuffer;
  readonly heard: string[];
  readonly answers: Promise<string>[];
  calls: number;
}

let hand: HandDriver;
let io: Backend;
let file: File;
const microtasks: (() => void)[] = [];
/**
 * Turns are taken by hand too, so that a flush happens exactly when an order says so; and no time passes, so that what
 * waits for one does not depend on how fast this machine is.
 */
const clock: Clock = {
  ...systemClock,
  nowMs: () => 0,
  microtask: (callback) => microtasks.push(callback),
  turn: (callback) => microtasks.push(callback),
};

function runMicrotasks(): void {
  for (const callback of microtasks.splice(0)) callback();
}

beforeAll(async () => {
  hand = createHandDriver();
  io = handBackend(hand, { clock });
  const opening = handFile(io, hand);
  runMicrotasks();
  file = await opening;
});
afterAll(() => io.close({ deadlineMs: 0 }));

function begin(): Subject {
  const buffer = io.buffers.take(8);
  const operation = io.submit({ opcode: "read", file, buffer, position: 0 });
  const heard: string[] = [];
  operation.done.then(
    () => heard.push("ok"),
    (error: { code: string }) => heard.push(error.code),
  );
  return { operation, buffer, heard, answers: [], calls: 0 };
}

/** What the driver has of this operation, if anything. */
function held(subject: Subject, completed: ReadonlySet<Taken>): Taken | undefined {
  return hand.taken.findLast(
    (taken) => !completed.has(taken) && taken.generation * 2 ** 20 + taken.slot === subject.operation.id,
  );
}

class World {
  readonly subjects: Subject[];
  readonly completed = new Set<Taken>();

  constructor() {
    hand.taken.length = 0;
    this.subjects = Array.from({ length: OPERATIONS }, begin);
  }

  cancels(): Taken[] {
    return hand.taken.filter((taken) => taken.opcode === "cancel" && !this.completed.has(taken));
  }

  complete(taken: Taken, result: number): void {
    this.completed.add(taken);
    hand.complete(taken, result);
  }

  possible(): Step[] {
    const steps: Step[] = [];
    if (microtasks.length > 0) steps.push({ what: "flush", which: 0 });
    if (this.cancels().length > 0) steps.push({ what: "answer", which: 0 });
    for (const [which, subject] of this.subjects.entries()) {
      // Twice is enough to see that asking again changes nothing.
      if (subject.calls < 2) steps.push({ what: "cancel", which }, { what: "abandon", which });
      if (held(subject, this.completed) === undefined) continue;
      steps.push({ what: "data", which }, { what: "canceled", which }, { what: "interrupted", which });
    }
    return steps;
  }

  take({ what, which }: Step): void {
    const subject = this.subjects[which]!;
    if (what === "flush") return runMicrotasks();
    // What a cancel answers is advice: here it always says that there was nothing to cancel.
    if (what === "answer") return this.complete(this.cancels()[0]!, -ERRNO.ENOENT);
    if (what === "cancel" || what === "abandon") subject.calls++;
    if (what === "cancel") subject.answers.push(subject.operation.cancel());
    if (what === "abandon") return subject.operation.abandon();
    if (what === "data") this.complete(held(subject, this.completed)!, 8);
    if (what === "canceled") this.complete(held(subject, this.completed)!, -ERRNO.ECANCELED);
    if (what === "interrupted") this.complete(held(subject, this.completed)!, -ERRNO.EINTR);
  }

  /** Two situations with the same key can go on in the same ways. */
  key(): string {
    const parts = this.subjects.map(
      (subject) =>
        `${subject.operation.state} ${subject.operation.outcome} ${subject.calls} ${subject.buffer.state} ` +
        `${held(subject, this.completed) !== undefined}`,
    );
    return `${parts.join(" | ")} | ${this.cancels().length} ${microtasks.length}`;
  }

  /** Lets everything end, then checks what must hold whatever the order was. */
  async end(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      runMicrotasks();
      for (const subject of this.subjects) {
        const taken = held(subject, this.completed);
        if (taken !== undefined) this.complete(taken, 8);
      }
      for (const cancel of this.cancels()) this.complete(cancel, 0);
    }
    await flushed();
    // Ends that were put off until the event loop turns.
    while (microtasks.length > 0) {
      runMicrotasks();
      await flushed();
    }
    for (const { operation, buffer, heard, answers } of this.subjects) {
      expect(operation.state).toBe("completed");
      expect(heard).toHaveLength(1);
      const gone = heard[0] === "ERR_OPERATION_ABANDONED";
      expect(buffer.state).toBe(gone ? "released" : "owned");
      // A driver that ends what nobody asked it to end: that is an error like any other.
      const early = heard[0] === "ERR_OPERATION_CANCELED" || gone;
      expect(operation.outcome).toBe(heard[0] === "ok" ? "ok" : early ? "canceled" : "error");
      expect(heard[0]).toBeOneOf(["ok", "ECANCELED", "ERR_OPERATION_CANCELED", "ERR_OPERATION_ABANDONED"]);
      for (const answer of await Promise.all(answers)) {
        if (answer === "canceled") expect(early).toBe(true);
        if (answer === "completed") expect(early).toBe(false);
      }
      if (!gone) buffer.release();
    }
    const { operations, orphans, buffers, counters } = io.inspect();
    expect(operations).toEqual([]);
    expect(orphans.inFlight).toBe(0);
    expect(buffers.out).toBe(0);
    expect(counters.completionsStale).toBe(0);
    expect(counters.completed).toBe(counters.submitted);
  }
}

describe("two reads", () => {
  // mutant: kept-by-an-early-cancel, orphan-keeps-its-buffer, orphan-never-leaves, transient-result-is-an-error
  test(`end once each, in every order of ${happenings.join(", ")}, ${DEPTH} events deep`, async () => {
    const seen = new Set<string>();
    let orders = 0;
    let frontier: Step[][] = [[]];
    for (let depth = 0; depth <= DEPTH; depth++) {
      const next: Step[][] = [];
      for (const path of frontier) {
        const world = new World();
        for (const step of path) world.take(step);
        const key = world.key();
        if (!seen.has(key)) {
          seen.add(key);
          for (const step of world.possible()) next.push([...path, step]);
        }
        try {
          await world.end();
        } catch (error) {
          throw new Error(path.map(({ what, which }) => `${what} ${which}`).join(", "), { cause: error });
        }
        orders++;
      }
      frontier = next;
    }
    // A search that found no way on would pass: it must have been everywhere.
    expect(orders).toBeGreaterThan(2000);
    for (const state of ["queued", "submitted", "canceling", "orphaned", "completed"]) {
      expect([...seen].some((key) => key.startsWith(state))).toBe(true);
    }
  });
});
