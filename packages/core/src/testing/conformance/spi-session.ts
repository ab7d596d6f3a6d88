/** The driver SPI itself, without core: sessions, batches, completions. */

import {
  COMPLETION_BYTES,
  CONTROL_WORDS,
  ERRNO,
  featureNames,
  OPCODE,
  opcodeNames,
  SUBMISSION_BYTES,
  SUBMISSION_SHIFT,
  SUBMISSION_WORDS,
} from "@baton-io/core/driver";
import type { Clause } from "./case.js";
import { equal, ok, oneOf } from "./expect.js";
import { openRaw } from "./raw-session.js";

export const spiSessionClause: Clause = {
  id: "spi-session",
  title: "the SPI",
  promise: "ends-once",
  needs: ["nop"],
  cases: [
    {
      id: "shared-memory",
      title: "a session has shared memory of the sizes that its limits ask for, all of it zero",
      run: async (context) => {
        const raw = openRaw(context);
        const { shared } = raw.session;
        ok(shared.records.byteLength >= raw.limits.slots * SUBMISSION_BYTES, "room for all records");
        ok(shared.submissions.byteLength >= raw.limits.submissionBatchMax * 4, "room for a batch of submissions");
        ok(shared.completions.byteLength >= raw.limits.completionBatchMax * COMPLETION_BYTES, "room for completions");
        ok(shared.control.byteLength >= CONTROL_WORDS * 4, "room for the control words");
        ok(shared.arena.byteLength >= raw.limits.arenaBytes, "room for the arena");
        ok(
          raw.records.every((word) => word === 0),
          "records to be zero at first",
        );
        ok(
          raw.control.every((word) => word === 0),
          "control words to be zero at first",
        );
        await raw.close();
      },
    },
    {
      id: "capabilities",
      title: "a session declares every operation and every feature",
      promise: "lacking-is-refused",
      run: async (context) => {
        const raw = openRaw(context);
        const { operations, features } = raw.session.capabilities;
        for (const name of opcodeNames) ok(operations[name] !== undefined, `${name} to be declared`);
        for (const name of featureNames) ok(features[name] !== undefined, `${name} to be declared`);
        await raw.close();
      },
    },
    {
      id: "one-nop",
      title: "a nop completes once, with its slot, its generation and 0",
      run: async (context) => {
        const raw = openRaw(context);
        const completion = await raw.run({ opcode: OPCODE.nop, slot: 7, generation: 42 });
        equal(completion.slot, 7, "the slot");
        equal(completion.generation, 42, "the generation");
        equal(completion.result, 0, "the result");
        equal(completion.more, false, "that more is to come");
        await context.turn(3);
        equal(raw.completions.length, raw.accepted, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "whole-batch",
      title: "every operation of a full batch completes once, whatever its slot",
      run: async (context) => {
        const raw = openRaw(context);
        const slots = Array.from({ length: raw.limits.submissionBatchMax }, (_, index) =>
          raw.write({ opcode: OPCODE.nop, slot: (index * 97) % raw.limits.slots, generation: index + 1 }),
        );
        await raw.submitAll(slots);
        await context.until(() => raw.completions.length >= slots.length, "a completion for each");
        await context.turn(3);
        equal(raw.completions.length, slots.length, "the number of completions");
        for (const [index, slot] of slots.entries()) {
          const [completion, ...others] = raw.of(slot);
          equal(completion?.generation, index + 1, "the generation");
          equal(others.length, 0, "the number of further completions");
        }
        await raw.close();
      },
    },
    {
      id: "more-than-fit",
      title: "completions that do not fit are announced as waiting, and submit(0) delivers them",
      promise: "full-is-back-pressure",
      run: async (context) => {
        const raw = openRaw(context);
        const slots = Array.from({ length: 64 }, (_, slot) => raw.write({ opcode: OPCODE.nop, slot }));
        await raw.submitAll(slots);
        await context.until(() => raw.completions.length >= 64, "a completion for each");
        equal(new Set(raw.completions.map(({ slot }) => slot)).size, 64, "the number of different slots");
        await raw.close();
      },
    },
    {
      id: "empty-submit",
      title: "submit(0) takes nothing, and completes nothing when nothing waits",
      run: async (context) => {
        const raw = openRaw(context);
        equal(raw.submit(), 0, "the number taken");
        equal(raw.completions.length, 0, "the number of completions");
        await raw.run({ opcode: OPCODE.nop });
        equal(raw.submit(), 0, "the number taken");
        equal(raw.completions.length, raw.accepted, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "record-unchanged",
      title: "a record stays as it was written until its final completion is in",
      run: async (context) => {
        const raw = openRaw(context);
        const slot = raw.write({ opcode: OPCODE.nop, slot: 3, generation: 9, argument0: 5 });
        const base = slot << SUBMISSION_SHIFT;
        const before = [...raw.records.subarray(base, base + SUBMISSION_WORDS)].join();
        raw.submit(slot);
        await raw.next(slot);
        equal([...raw.records.subarray(base, base + SUBMISSION_WORDS)].join(), before, "the record");
        await raw.close();
      },
    },
    {
      id: "slot-reused",
      title: "a slot may be used again with another generation as soon as its completion is in",
      run: async (context) => {
        const raw = openRaw(context);
        for (let generation = 1; generation <= 100; generation++) {
          const before = raw.completions.length;
          raw.write({ opcode: OPCODE.nop, slot: 5, generation });
          raw.submit(5);
          equal((await raw.next(5, before)).generation, generation, "the generation");
        }
        equal(raw.completions.length, 100, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "unknown-operation",
      title: "a record with a number that is no operation ends once with an errno, and the session goes on",
      promise: "lacking-is-refused",
      run: async (context) => {
        const raw = openRaw(context);
        const completion = await raw.run({ opcode: 200 });
        oneOf(completion.result, [-ERRNO.EINVAL, -ERRNO.ENOSYS, -ERRNO.ENOTSUP, -ERRNO.EBADF], "the result");
        equal((await raw.run({ opcode: OPCODE.nop })).result, 0, "the result of a nop afterwards");
        equal(raw.completions.length, raw.accepted, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "bad-one-in-a-batch",
      title: "one bad record in a batch fails alone",
      run: async (context) => {
        const raw = openRaw(context);
        const slots = Array.from({ length: 9 }, (_, slot) =>
          raw.write({ opcode: slot === 4 ? 201 : OPCODE.nop, slot }),
        );
        await raw.submitAll(slots);
        await context.until(() => raw.completions.length >= 9, "a completion for each");
        for (const { slot, result } of raw.completions) {
          if (slot === 4) ok(result < 0, "an errno for the bad record");
          else oneOf(result, [0, -ERRNO.EINTR, -ERRNO.EAGAIN], `the result of slot ${slot}`);
        }
        await raw.close();
      },
    },
    {
      id: "close-when-idle",
      title: "a session with nothing in flight closes with everything confirmed",
      run: async (context) => {
        const raw = openRaw(context);
        await raw.run({ opcode: OPCODE.nop });
        const report = await raw.close();
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        equal(report.quarantinedBytes, 0, "quarantinedBytes");
      },
    },
    {
      id: "close-in-flight",
      title: "a session closed with operations in flight ends them, and is silent afterwards",
      needs: ["timer"],
      run: async (context) => {
        const raw = openRaw(context);
        const slots = Array.from({ length: 20 }, (_, slot) =>
          raw.write({ opcode: OPCODE.timer, slot, position: 60_000_000 }),
        );
        await raw.submitAll(slots);
        const report = await raw.close();
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        const settled = raw.completions.length;
        ok(settled <= 20, "at most one completion for each");
        await context.turn(3);
        equal(raw.completions.length, settled, "the number of completions after the close");
      },
    },
    {
      id: "two-sessions",
      title: "two sessions of one driver share nothing",
      run: async (context) => {
        const driver = context.subject.createDriver();
        const [one, two] = [openRaw(context, driver), openRaw(context, driver)];
        await one.run({ opcode: OPCODE.nop, slot: 1 });
        equal(two.completions.length, 0, "the number of completions of the other session");
        await one.close();
        equal((await two.run({ opcode: OPCODE.nop, slot: 1 })).result, 0, "the result on the other session");
        await two.close();
      },
    },
  ],
};

export const spiCancelClause: Clause = {
  id: "spi-cancel",
  title: "the SPI: cancel",
  promise: "cancel-has-one-contract",
  needs: ["cancel", "timer", "nop"],
  cases: [
    {
      id: "in-flight",
      calmOnly: true,
      title: "a cancel of a timer in flight completes both, each once, and the timer with -ECANCELED",
      run: async (context) => {
        const raw = openRaw(context);
        const timer = raw.write({ opcode: OPCODE.timer, slot: 1, generation: 5, position: 60_000_000 });
        raw.submit(timer);
        const cancel = raw.write({ opcode: OPCODE.cancel, slot: 2, argument0: timer, argument1: 5 });
        raw.submit(cancel);
        equal((await raw.next(timer)).result, -ERRNO.ECANCELED, "the result of the timer");
        oneOf((await raw.next(cancel)).result, [0, -ERRNO.EALREADY, -ERRNO.ENOENT], "the result of the cancel");
        await context.turn(3);
        equal(raw.completions.length, 2, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "in-one-batch",
      calmOnly: true,
      title: "a cancel in the same batch as its target, and after it, ends it",
      run: async (context) => {
        const raw = openRaw(context);
        const timer = raw.write({ opcode: OPCODE.timer, slot: 1, position: 60_000_000 });
        const cancel = raw.write({ opcode: OPCODE.cancel, slot: 2, argument0: timer, argument1: 1 });
        await raw.submitAll([timer, cancel]);
        equal((await raw.next(timer)).result, -ERRNO.ECANCELED, "the result of the timer");
        await raw.next(cancel);
        await raw.close();
      },
    },
    {
      id: "wrong-generation",
      mutants: ["libuv-cancel-ignores-generation"],
      calmOnly: true,
      title: "a cancel with another generation changes nothing",
      promise: "ends-once",
      run: async (context) => {
        const raw = openRaw(context);
        const timer = raw.write({ opcode: OPCODE.timer, slot: 1, generation: 5, position: 5000 });
        raw.submit(timer);
        for (const generation of [4, 6]) {
          const before = raw.completions.length;
          const cancel = raw.write({ opcode: OPCODE.cancel, slot: 2, argument0: timer, argument1: generation });
          await raw.submitAll([cancel]);
          ok((await raw.next(cancel, before)).result < 0, "an errno for the cancel");
        }
        const completion = await raw.next(timer);
        equal(completion.result, 0, "the result of the timer");
        equal(raw.of(timer).length, 1, "the number of completions of the timer");
        await raw.close();
      },
    },
    {
      id: "after-its-end",
      mutants: ["libuv-completes-twice"],
      title: "a cancel of what has ended says -ENOENT and nothing more happens",
      run: async (context) => {
        const raw = openRaw(context);
        await raw.run({ opcode: OPCODE.timer, slot: 1, position: 0 });
        const cancel = await raw.run({ opcode: OPCODE.cancel, slot: 2, argument0: 1, argument1: 1 });
        equal(cancel.result, -ERRNO.ENOENT, "the result of the cancel");
        await context.turn(3);
        equal(raw.completions.length, raw.accepted, "the number of completions");
        await raw.close();
      },
    },
    {
      id: "nobody",
      title: "a cancel of a slot that was never used says -ENOENT",
      run: async (context) => {
        const raw = openRaw(context);
        const cancel = await raw.run({ opcode: OPCODE.cancel, argument0: 200, argument1: 1 });
        equal(cancel.result, -ERRNO.ENOENT, "the result");
        await raw.close();
      },
    },
    {
      id: "twice",
      calmOnly: true,
      title: "two cancels of one operation complete it once",
      run: async (context) => {
        const raw = openRaw(context);
        const timer = raw.write({ opcode: OPCODE.timer, slot: 1, position: 60_000_000 });
        const cancels = [2, 3].map((slot) =>
          raw.write({ opcode: OPCODE.cancel, slot, argument0: timer, argument1: 1 }),
        );
        await raw.submitAll([timer, ...cancels]);
        await context.until(() => raw.completions.length >= 3, "three completions");
        await context.turn(3);
        equal(raw.of(timer).length, 1, "the number of completions of the timer");
        equal(raw.completions.length, 3, "the number of completions");
        await raw.close();
      },
    },
  ],
};
