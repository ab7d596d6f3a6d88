/**
 * The SPI: records that core would never write. A mistake of core's, or of whoever else writes to the memory that it
 * shares with a driver, is a result of the operation or is passed over; it is never damage to memory, nor the end of the
 * process.
 */
import {
  BAD_RECORD,
  CONTROL,
  ERRNO,
  OPCODE,
  type OpcodeDefinition,
  opcodeTable,
  PROVIDED_MAX,
  SUBMISSION_SHIFT,
  SUBMIT_FLAG,
  TRANSFER_BYTES_MAX,
  WORD,
} from "@baton-io/core/driver";
import { connectByHand } from "./by-hand.js";
import type { Clause } from "./case.js";
import { equal, ok } from "./expect.js";
import { type Bench, BUFFER_BYTES, expectAnswers, meaningless, onBench } from "./record-bench.js";
import { areaCase, bufferCase, numberCase, vectorCase } from "./record-faults.js";

const definitions: readonly OpcodeDefinition[] = opcodeTable;

const TIMER_US = 20_000;

export const spiRecordsClause: Clause = {
  id: "spi-records",
  title: "the SPI: records that nobody should write",
  promise: "ends-once",
  needs: ["open", "close", "read"],
  cases: [
    ...definitions.filter(({ area }) => area !== undefined).map(areaCase),
    ...(["read", "write", "receive", "send"] as const).map(bufferCase),
    ...(["readv", "writev", "receiveMessage", "sendMessage"] as const).map(vectorCase),
    ...definitions.filter((definition) => meaningless(definition).length > 0).map(numberCase),
    {
      id: "identity",
      title: "an operation that there is not, a flag that there is not, and a generation that nobody has are refused",
      mutants: ["record-generation-unchecked"],
      run: (context) =>
        onBench(context, async (bench) => {
          const nop = { opcode: OPCODE.nop };
          const unknown = [opcodeTable.length, 0xff].map((operation) => ({ operation }));
          await expectAnswers(bench, nop, unknown, -ERRNO.EINVAL);
          const flags = [0x1000, 0x8000, -0x8000_0000].map((flag) => ({ operation: OPCODE.nop | flag }));
          await expectAnswers(bench, nop, flags, -ERRNO.ENOTSUP);
          await expectAnswers(bench, nop, [{ generation: 0 }, { generation: -1 }], BAD_RECORD);
        }),
    },
    {
      id: "flags",
      title: "a flag that the operation cannot have is refused, not passed over",
      mutants: ["record-flags-unchecked"],
      run: (context) =>
        onBench(context, async (bench) => {
          for (const { number: opcode, flags } of definitions) {
            const others = Object.entries(SUBMIT_FLAG).filter(([name]) => !(flags as readonly string[]).includes(name));
            const wrong = others.map(([, flag]) => ({ operation: opcode | flag }));
            await expectAnswers(bench, { opcode }, wrong, -ERRNO.ENOTSUP);
          }
        }),
    },
    {
      id: "multishot",
      title: "what ends only when it is canceled fills no buffer that its record names, and stands before nothing",
      mutants: ["record-multishot-unchecked"],
      run: (context) =>
        onBench(context, async (bench) => {
          const { multishot, link } = SUBMIT_FLAG;
          await expectAnswers(
            bench,
            { opcode: OPCODE.receive },
            [{ operation: OPCODE.receive | multishot }],
            -ERRNO.ENOTSUP,
          );
          await expectAnswers(
            bench,
            { opcode: OPCODE.accept },
            [{ operation: OPCODE.accept | multishot | link }],
            -ERRNO.ENOTSUP,
          );
        }),
    },
    {
      id: "no-slot",
      title: "a submission that names no slot is passed over and counted, and the others of its batch are done",
      mutants: ["record-slot-unchecked"],
      run: (context) =>
        onBench(context, async ({ raw }) => {
          const first = raw.write({ opcode: OPCODE.nop, slot: 1 });
          const last = raw.write({ opcode: OPCODE.nop, slot: 2 });
          const nowhere = [raw.limits.slots, 0x10_0000, 0x7fff_ffff, -1];
          await raw.submitAll([first, ...nowhere, last]);
          for (const slot of [first, last]) equal((await raw.next(slot)).result, 0, "the result of a nop");
          equal(raw.control[CONTROL.passedOver], nowhere.length, "what was passed over");
        }),
    },
    {
      id: "slot-in-flight",
      title: "a submission in a slot that is in flight is passed over, and what is in flight ends once",
      needs: ["timer"],
      calmOnly: true,
      mutants: ["record-slot-unchecked"],
      run: (context) =>
        onBench(context, async ({ raw }) => {
          const slot = raw.write({ opcode: OPCODE.timer, slot: 1, position: TIMER_US });
          await raw.submitAll([slot]);
          await raw.submitAll([slot, slot]);
          equal((await raw.next(slot)).result, 0, "the result of the timer");
          equal(raw.control[CONTROL.passedOver], 2, "what was passed over");
          equal(raw.of(slot).length, 1, "completions of the timer");
        }),
    },
    {
      id: "changed-in-flight",
      title: "a record and an area that change while the operation is in flight change nothing but its answer",
      needs: ["stat", "timer"],
      calmOnly: true,
      run: (context) =>
        onBench(context, async ({ raw, file }) => {
          for (const [slot, submission] of [
            { opcode: OPCODE.stat, handle: file, path: "" },
            { opcode: OPCODE.timer, position: 1000 },
            { opcode: OPCODE.fsync, handle: file },
          ].entries()) {
            raw.write({ ...submission, slot });
            await raw.submitAll([slot]);
            const base = slot << SUBMISSION_SHIFT;
            raw.records.fill(0x7fff_fff0, base + WORD.handleIndex, base + WORD.vectorCount + 1);
            equal((await raw.next(slot)).result, 0, "the result");
          }
        }),
    },
    {
      id: "bad-in-chain",
      title: "a member of a chain that is refused lets those before it be done, and ends those behind it",
      needs: ["links", "write"],
      calmOnly: true,
      run: (context) =>
        onBench(context, async ({ raw, file, buffer }) => {
          const write = { opcode: OPCODE.write, handle: file, length: 0, position: 0, flags: SUBMIT_FLAG.link };
          const slots = [
            raw.write({ ...write, slot: 1, buffer }),
            raw.write({ ...write, slot: 2, buffer: 1000, length: 1 }),
            raw.write({ opcode: OPCODE.fsync, slot: 3, handle: file }),
          ];
          await raw.submitAll(slots);
          const results: number[] = [];
          for (const slot of slots) results.push((await raw.next(slot)).result);
          equal(results.join(), `0,${BAD_RECORD},${-ERRNO.ECANCELED}`, "the results");
        }),
    },
    {
      id: "slot-twice-in-chain",
      title: "nothing of a chain starts that names a slot twice, or one that is not there",
      needs: ["links", "write"],
      calmOnly: true,
      run: (context) =>
        onBench(context, async ({ raw, file, buffer }) => {
          const write = { opcode: OPCODE.write, handle: file, buffer, length: 4, position: 0, flags: SUBMIT_FLAG.link };
          for (const wrong of [1, raw.limits.slots + 7]) {
            const before = raw.completions.length;
            const slots = [raw.write({ ...write, slot: 1 }), raw.write({ ...write, slot: 2 }), wrong];
            await raw.submitAll(slots);
            for (const slot of [1, 2]) equal((await raw.next(slot, before)).result, BAD_RECORD, "the result");
          }
          equal(raw.control[CONTROL.passedOver], 2, "what was passed over");
        }),
    },
    {
      id: "no-buffer-provided",
      title: "provided numbers that no receive could fill are passed over, and the others are filled",
      needs: ["providedBuffer", "receive", "send", "connect", "listen"],
      mutants: ["provided-unchecked", "provided-twice"],
      run: (context) => onBench(context, provideAnything),
    },
  ],
};

/** Provides what is there and what is not; receives until nothing is left of it. */
async function provideAnything({ raw, buffer }: Bench): Promise<void> {
  const provided = new Int32Array(raw.session.shared.provided);
  provided.set([buffer + 1, 1000, -1, 0x100_0000, buffer + 1]);
  raw.control[CONTROL.providedBytes] = 0;
  raw.control[CONTROL.providedCount] = 5;
  raw.submit();
  equal(raw.control[CONTROL.passedOver], 4, "what was passed over");
  raw.control[CONTROL.providedBytes] = BUFFER_BYTES + 1;
  provided[0] = buffer;
  raw.control[CONTROL.providedCount] = 1;
  raw.submit();
  equal(raw.control[CONTROL.passedOver], 5, "what was passed over with one that is too short");
  provided.fill(-1);
  raw.control[CONTROL.providedCount] = PROVIDED_MAX + 100;
  raw.submit();
  equal(raw.control[CONTROL.passedOver], 5 + PROVIDED_MAX + 100, "what was passed over of more than there is room for");
  const { near, far, listener } = await connectByHand(raw);
  await raw.run({ opcode: OPCODE.send, handle: near, buffer, length: 8 });
  const receive = {
    opcode: OPCODE.receive,
    flags: SUBMIT_FLAG.providedBuffer,
    handle: far,
    length: TRANSFER_BYTES_MAX,
  };
  const received = await raw.run(receive);
  ok(received.result > 0 && received.providedBuffer, `bytes in a buffer that was taken, not ${received.result}`);
  equal(received.auxiliary, buffer + 1, "the buffer that was taken");
  await raw.run({ opcode: OPCODE.send, handle: near, buffer, length: 8 });
  equal((await raw.run(receive)).result, -ERRNO.ENOBUFS, "the result of a receive that finds none");
  for (const handle of [near, far, listener]) await raw.run({ opcode: OPCODE.close, handle });
}
