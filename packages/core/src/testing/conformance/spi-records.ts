/**
 * The SPI: records that core would never write. A mistake of core's, or of whoever else writes to the memory that it
 * shares with a driver, is a result of the operation or is passed over; it is never damage to memory, nor the end of the
 * process.
 */

import { BAD_RECORD, ERRNO } from "../../base/errno.js";
import { PROVIDED_MAX } from "../../spi/driver.js";
import { OPCODE, type OpcodeDefinition, type OpcodeName, opcodeTable } from "../../spi/opcode.js";
import {
  CONTROL,
  MESSAGE_VECTOR_AT,
  OPEN_FLAG,
  POSITION_MAX,
  SUBMISSION_SHIFT,
  SUBMIT_FLAG,
  TRANSFER_BYTES_MAX,
  WORD,
} from "../../spi/record.js";
import { utf8 } from "./bytes.js";
import type { CaseDefinition, Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok } from "./expect.js";
import { openRaw, type RawHandle, type RawSession, type RawSubmission } from "./raw-session.js";
import { connectByHand, openByHand } from "./spi-handles.js";

const CONTENT = utf8("0123456789abcdef");
const BUFFER_BYTES = 4096;
/** Where the slot is that a record is tried in; nothing else uses it. */
const SLOT = 100;

/** What a fault does to a record that is right otherwise: words, by name. */
type Words = Partial<Record<keyof typeof WORD, number>>;

/** What the cases of this clause work on. */
interface Bench {
  readonly raw: RawSession;
  readonly file: RawHandle;
  readonly buffer: number;
}

async function onBench(context: CaseContext, run: (bench: Bench) => Promise<void>): Promise<void> {
  const raw = openRaw(context);
  const path = await context.givenFile(CONTENT);
  const file = await openByHand(raw, path, OPEN_FLAG.read | OPEN_FLAG.write);
  const slab = raw.session.memory.allocate(BUFFER_BYTES, 2);
  await run({ raw, file, buffer: slab.firstNumber });
  // Whatever was refused has left everything as it was.
  const read = { opcode: OPCODE.read, handle: file, buffer: slab.firstNumber, length: 16, position: 0 };
  const { result } = await raw.run(read);
  ok(result > 0, `a read behind it to move bytes, and not to answer ${result}`);
  equalBytes(new Uint8Array(slab.buffers[0]!, 0, result), CONTENT.subarray(0, result), "what was read");
  equal((await raw.run({ opcode: OPCODE.close, handle: file })).result, 0, "the result of close");
  raw.session.memory.free(slab.firstNumber);
  await raw.close();
}

/** The answer to a record in which some words are wrong. */
async function answerTo({ raw }: Bench, submission: RawSubmission, words: Words): Promise<number> {
  const before = raw.completions.length;
  raw.write({ ...submission, slot: SLOT });
  for (const [name, value] of Object.entries(words)) {
    raw.records[(SLOT << SUBMISSION_SHIFT) + WORD[name as keyof typeof WORD]] = value;
  }
  await raw.submitAll([SLOT]);
  return (await raw.next(SLOT, before)).result;
}

async function expectAnswers(
  bench: Bench,
  submission: RawSubmission,
  faults: readonly Words[],
  answer: number,
): Promise<void> {
  for (const words of faults) {
    equal(await answerTo(bench, submission, words), answer, `the answer to ${JSON.stringify(words)}`);
  }
}

// --- areas of the arena -----------------------------------------------------------------------------------------------

/** Three words of a vector's entry as they stand in the arena. */
function entryBytes(buffer: number, offset: number, length: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(buffer, offset, length).buffer);
}

/** A record with an area that is right in everything that is looked at before an operation begins. */
function withArea({ area = "none", number }: OpcodeDefinition, { file, buffer }: Bench): RawSubmission {
  const entry = entryBytes(buffer, 0, 16);
  const common = { opcode: number, handle: file, position: 0 };
  switch (area) {
    case "vector":
      return { ...common, arena: entry };
    case "message":
      return { ...common, arena: Uint8Array.of(...new Uint8Array(MESSAGE_VECTOR_AT), ...entry) };
    case "two-paths":
      return { ...common, arena: utf8("one\0two\0"), length: 3, argument1: 3 };
    case "path":
    case "opened-path":
    case "stat-path":
      return { ...common, path: "one" };
    default:
      return { ...common, arena: new Uint8Array(16) };
  }
}

/** What can be wrong with the area of an operation. */
function areaFaults({ area }: OpcodeDefinition, { limits: { arenaBytes } }: RawSession): Words[] {
  const vectorCount = area === "vector" || area === "message" ? 1 : 0;
  const everywhere: Words[] = [
    ...[-1, -4, -0x8000_0000, arenaBytes, arenaBytes - 4, 0x7fff_fffc, 1].map((arenaOffset) => ({ arenaOffset })),
    ...[0, -1, arenaBytes + 4].map((arenaLength) => ({ arenaLength })),
  ];
  const faults = everywhere.map((words) => ({ vectorCount, ...words }));
  switch (area) {
    case "path":
    case "opened-path":
    case "stat-path":
      // Too long for the area, and not ended by a NUL.
      return [...faults, ...[-1, 0x7fff_ffff, 0x1_0000, 2].map((length) => ({ length }))];
    case "two-paths":
      return [...faults, { length: -1 }, { length: 2 }, { argument1: -1 }, { argument1: 0x1_0000 }, { argument1: 2 }];
    case "vector":
    case "message":
      return [...faults, ...[-1, 1025, 0x1555_5556].map((count) => ({ vectorCount: count }))];
    default:
      return faults;
  }
}

/** The cases of one operation that has an area. */
function areaCase(definition: OpcodeDefinition): CaseDefinition {
  const name = definition.name as OpcodeName;
  return {
    id: `area-of-${name}`,
    title: `${name} with an area that is not in the arena, or is too short for what it says, is refused`,
    needs: [name],
    mutants: ["record-area-unchecked", "record-path-unended"],
    run: (context) =>
      onBench(context, async (bench) => {
        await expectAnswers(bench, withArea(definition, bench), areaFaults(definition, bench.raw), BAD_RECORD);
      }),
  };
}

// --- buffers ----------------------------------------------------------------------------------------------------------

/** Parts that lie in no buffer: number, offset, length. */
function noParts(buffer: number): readonly (readonly [number, number, number])[] {
  return [
    ...[-1, -2, 1000, 0x10_0000, 0x7fff_ffff, -0x8000_0000].map((number) => [number, 0, 16] as const),
    [buffer, BUFFER_BYTES, 1],
    [buffer, 0, BUFFER_BYTES + 1],
    [buffer, 1, BUFFER_BYTES],
    [buffer, -1, 16],
    [buffer, -16, 16],
    [buffer, 0x7fff_ffff, 0],
  ];
}

function bufferCase(name: OpcodeName): CaseDefinition {
  return {
    id: `buffer-of-${name}`,
    title: `${name} into what is not a part of a buffer is refused`,
    needs: [name],
    mutants: ["record-part-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        const submission = { opcode: OPCODE[name], handle: bench.file, position: 0 };
        const faults = noParts(bench.buffer).map(([buffer, bufferOffset, length]) => ({
          buffer,
          bufferOffset,
          length,
        }));
        await expectAnswers(bench, submission, faults, BAD_RECORD);
        const freed = bench.raw.session.memory.allocate(BUFFER_BYTES, 1);
        bench.raw.session.memory.free(freed.firstNumber);
        await expectAnswers(bench, submission, [{ buffer: freed.firstNumber, length: 16 }], BAD_RECORD);
      }),
  };
}

function vectorCase(name: OpcodeName): CaseDefinition {
  const at = name.endsWith("Message") ? MESSAGE_VECTOR_AT : 0;
  return {
    id: `parts-of-${name}`,
    title: `${name} with an entry that is not a part of a buffer is refused, wherever it stands`,
    needs: [name],
    mutants: ["record-part-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        for (const fault of noParts(bench.buffer)) {
          const good = entryBytes(bench.buffer, 0, 16);
          const arena = Uint8Array.of(...new Uint8Array(at), ...good, ...entryBytes(...fault));
          const submission = { opcode: OPCODE[name], handle: bench.file, position: 0, arena };
          const result = await answerTo(bench, submission, { vectorCount: 2 });
          equal(result, BAD_RECORD, `the answer to a vector with ${fault.join()}`);
        }
      }),
  };
}

// --- numbers ----------------------------------------------------------------------------------------------------------

const low = (value: number) => value | 0;
const high = (value: number) => Math.floor(value / 0x1_0000_0000);

/** Numbers that mean nothing to an operation. */
function meaningless({ positionMin, lengthMax, argument0Max }: OpcodeDefinition): Words[] {
  const faults: Words[] = [];
  if (positionMin !== undefined) {
    for (const position of [positionMin - 1, -(2 ** 62), POSITION_MAX + 1, 2 ** 62]) {
      faults.push({ positionLow: low(position), positionHigh: high(position) });
    }
  }
  if (lengthMax !== undefined) faults.push({ length: lengthMax + 1 }, { length: -1 });
  if (argument0Max !== undefined) faults.push({ argument0: argument0Max + 1 }, { argument0: -1 });
  return faults;
}

function numberCase(definition: OpcodeDefinition): CaseDefinition {
  const name = definition.name as OpcodeName;
  return {
    id: `numbers-of-${name}`,
    title: `${name} with a position, a length or an argument that means nothing is refused with EINVAL`,
    needs: [name],
    mutants: ["record-numbers-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        const submission = { ...withArea(definition, bench), buffer: bench.buffer };
        await expectAnswers(bench, submission, meaningless(definition), -ERRNO.EINVAL);
      }),
  };
}

// --- slots ------------------------------------------------------------------------------------------------------------

const definitions: readonly OpcodeDefinition[] = opcodeTable;
const TIMER_US = 20_000;

export const spiRecordsClause: Clause = {
  id: "spi-records",
  title: "the SPI: records that nobody should write",
  promise: "P1",
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
      title: "what ends only when it is cancelled fills no buffer that its record names, and stands before nothing",
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
      needs: ["bufferSelect", "receive", "send", "connect", "listen"],
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
  const receive = { opcode: OPCODE.receive, flags: SUBMIT_FLAG.bufferSelect, handle: far, length: TRANSFER_BYTES_MAX };
  const received = await raw.run(receive);
  ok(received.result > 0 && received.bufferPicked, `bytes in a buffer that was picked, not ${received.result}`);
  equal(received.auxiliary, buffer + 1, "the buffer that was picked");
  await raw.run({ opcode: OPCODE.send, handle: near, buffer, length: 8 });
  equal((await raw.run(receive)).result, -ERRNO.ENOBUFS, "the result of a receive that finds none");
  for (const handle of [near, far, listener]) await raw.run({ opcode: OPCODE.close, handle });
}
