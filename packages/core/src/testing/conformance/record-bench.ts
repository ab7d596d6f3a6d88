/** A session and its file, for records that are written by hand, and what can be wrong with those. */
import {
  MESSAGE_VECTOR_AT,
  OPCODE,
  OPEN_FLAG,
  type OpcodeDefinition,
  POSITION_MAX,
  SUBMISSION_SHIFT,
  WORD,
} from "@baton-io/core/driver";
import { openByHand } from "./by-hand.js";
import { utf8 } from "./bytes.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok } from "./expect.js";
import { openRaw, type RawHandle, type RawSession, type RawSubmission } from "./raw-session.js";

const CONTENT = utf8("0123456789abcdef");

export const BUFFER_BYTES = 4096;

/** Where the slot is that a record is tried in; nothing else uses it. */
const SLOT = 100;

/** What a fault does to a record that is right otherwise: words, by name. */
type Words = Partial<Record<keyof typeof WORD, number>>;

/** What the cases of this clause work on. */
export interface Bench {
  readonly raw: RawSession;
  readonly file: RawHandle;
  readonly buffer: number;
}

export async function onBench(context: CaseContext, run: (bench: Bench) => Promise<void>): Promise<void> {
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
export async function answerTo({ raw }: Bench, submission: RawSubmission, words: Words): Promise<number> {
  const before = raw.completions.length;
  raw.write({ ...submission, slot: SLOT });
  for (const [name, value] of Object.entries(words)) {
    raw.records[(SLOT << SUBMISSION_SHIFT) + WORD[name as keyof typeof WORD]] = value;
  }
  await raw.submitAll([SLOT]);
  return (await raw.next(SLOT, before)).result;
}

export async function expectAnswers(
  bench: Bench,
  submission: RawSubmission,
  faults: readonly Words[],
  answer: number,
): Promise<void> {
  for (const words of faults) {
    equal(await answerTo(bench, submission, words), answer, `the answer to ${JSON.stringify(words)}`);
  }
}

/** Three words of a vector's entry as they stand in the arena. */
export function entryBytes(buffer: number, offset: number, length: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(buffer, offset, length).buffer);
}

/** A record with an area that is right in everything that is looked at before an operation begins. */
export function withArea({ area = "none", number }: OpcodeDefinition, { file, buffer }: Bench): RawSubmission {
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
export function areaFaults({ area }: OpcodeDefinition, { limits: { arenaBytes } }: RawSession): Words[] {
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

/** Parts that lie in no buffer: number, offset, length. */
export function noParts(buffer: number): readonly (readonly [number, number, number])[] {
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

const low = (value: number) => value | 0;

const high = (value: number) => Math.floor(value / 0x1_0000_0000);

/** Numbers that mean nothing to an operation. */
export function meaningless({ positionMin, lengthMax, modeMax, argument0Max }: OpcodeDefinition): Words[] {
  const faults: Words[] = [];
  if (positionMin !== undefined) {
    for (const position of [positionMin - 1, -(2 ** 62), POSITION_MAX + 1, 2 ** 62]) {
      faults.push({ positionLow: low(position), positionHigh: high(position) });
    }
  }
  if (lengthMax !== undefined) faults.push({ length: lengthMax + 1 }, { length: -1 });
  if (modeMax !== undefined) faults.push({ bufferOffset: modeMax + 1 }, { bufferOffset: -1 });
  if (argument0Max !== undefined) faults.push({ argument0: argument0Max + 1 }, { argument0: -1 });
  return faults;
}
