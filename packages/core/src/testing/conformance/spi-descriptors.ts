/**
 * The driver SPI: a descriptor lives as long as anything that was submitted still names it. The kernel, a thread or a
 * link may look its number up late; by then it must not be somebody else's.
 */
import type { OpcodeName } from "@baton-io/core";
import { OPCODE, OPEN_FLAG, PIPE_WORD, SUBMIT_FLAG } from "@baton-io/core/driver";
import { openByHand } from "./by-hand.js";
import { utf8 } from "./bytes.js";
import type { CaseDefinition, Clause } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, ok } from "./expect.js";
import { openRaw, type RawHandle, type RawSession, type RawSubmission } from "./raw-session.js";

/** Rounds in which a close follows at once: in one of them something comes late. */
const ROUNDS = 25;
/** Operations of a round in front of the close. */
const IN_FRONT = 4;
const CONTENT = utf8("0123456789abcdef");
const STRANGERS = utf8("the stranger's own bytes");

/** Slots of a round, beyond those that are given out one after the other. */
const SLOT = { pipe: 200, operations: 201, close: 210, open: 211 } as const;

/** What is asked of the file that is about to be closed, and what it answers. */
interface Request {
  readonly submission: Omit<RawSubmission, "slot" | "handle">;
  readonly result: number;
}

const requests: Partial<Record<OpcodeName, (buffer: number) => Request>> = {
  read: (buffer) => ({ submission: { opcode: OPCODE.read, buffer, length: 16, position: 0 }, result: 16 }),
  write: (buffer) => ({ submission: { opcode: OPCODE.write, buffer, length: 8, position: 4 }, result: 8 }),
  fsync: () => ({ submission: { opcode: OPCODE.fsync }, result: 0 }),
  fdatasync: () => ({ submission: { opcode: OPCODE.fdatasync }, result: 0 }),
  stat: () => ({ submission: { opcode: OPCODE.stat, path: "" }, result: 0 }),
  truncate: () => ({ submission: { opcode: OPCODE.truncate, position: 3 }, result: 0 }),
  allocate: () => ({ submission: { opcode: OPCODE.allocate, position: 0, argument0: 4096 }, result: 0 }),
  advise: () => ({ submission: { opcode: OPCODE.advise, position: 0, argument0: 4096 }, result: 0 }),
};

/** A file, and a stranger's that is opened behind the close of it in the same batch. */
async function closeBehind(
  raw: RawSession,
  paths: { readonly file: string; readonly stranger: string },
  operations: (handle: RawHandle) => RawSubmission[],
): Promise<{ readonly results: number[]; readonly stranger: RawHandle }> {
  const handle = await openByHand(raw, paths.file, OPEN_FLAG.read | OPEN_FLAG.write);
  const before = raw.completions.length;
  const slots = operations(handle).map((submission, index) =>
    raw.write({ ...submission, slot: SLOT.operations + index }),
  );
  const close = raw.write({ opcode: OPCODE.close, slot: SLOT.close, handle });
  const open = raw.write({
    opcode: OPCODE.open,
    slot: SLOT.open,
    path: paths.stranger,
    argument0: OPEN_FLAG.read | OPEN_FLAG.write,
  });
  await raw.submitAll([...slots, close, open]);
  const results: number[] = [];
  for (const slot of slots) results.push((await raw.next(slot, before)).result);
  equal((await raw.next(close, before)).result, 0, "the result of the close");
  const opened = await raw.next(open, before);
  ok(opened.result >= 0, `the stranger's file to be open, not ${opened.result}`);
  const order = raw.completions.slice(before).map(({ slot }) => slot);
  for (const slot of slots) ok(order.indexOf(slot) < order.indexOf(close), "the close to end behind them");
  return { results, stranger: { index: opened.result, generation: opened.auxiliary } };
}

async function inRounds(
  context: CaseContext,
  round: (raw: RawSession, buffer: number) => Promise<void>,
): Promise<void> {
  const raw = openRaw(context);
  const slab = raw.session.memory.allocate(4096, 1);
  new Uint8Array(slab.buffers[0]!).fill(0x2a);
  for (let count = 0; count < ROUNDS; count++) await round(raw, slab.firstNumber);
  raw.session.memory.free(slab.firstNumber);
  await raw.close();
}

async function giveFiles(context: CaseContext): Promise<{ file: string; stranger: string }> {
  return { file: await context.givenFile(CONTENT), stranger: await context.givenFile(STRANGERS) };
}

/** A case for one operation with a close behind it. */
function behindCase(name: OpcodeName, request: (buffer: number) => Request): CaseDefinition {
  return {
    id: `close-behind-${name}`,
    title: `a close in one batch behind ${name} ends after it, and ${name} reaches its own file`,
    needs: [name],
    calmOnly: true,
    run: (context) =>
      inRounds(context, async (raw, buffer) => {
        const paths = await giveFiles(context);
        const { submission, result } = request(buffer);
        const { results, stranger } = await closeBehind(raw, paths, (handle) =>
          Array.from({ length: IN_FRONT }, () => ({ ...submission, handle })),
        );
        equal(results.join(), Array(IN_FRONT).fill(result).join(), "the results");
        equal((await raw.run({ opcode: OPCODE.close, handle: stranger })).result, 0, "the stranger's close");
        equalBytes(await context.contentOf(paths.stranger), STRANGERS, "the stranger's file");
      }),
  };
}

/** The ends of a pipe, by hand. */
async function pipeByHand(raw: RawSession): Promise<{ read: RawHandle; write: RawHandle }> {
  const slot = SLOT.pipe;
  equal((await raw.run({ opcode: OPCODE.pipe, slot, arena: new Uint8Array(64) })).result, 0, "the result of pipe");
  const words = new Int32Array(raw.session.shared.arena, raw.arenaOffset(slot));
  return {
    read: { index: words[PIPE_WORD.readIndex]!, generation: words[PIPE_WORD.readGeneration]! },
    write: { index: words[PIPE_WORD.writeIndex]!, generation: words[PIPE_WORD.writeGeneration]! },
  };
}

export const spiDescriptorsClause: Clause = {
  id: "spi-descriptors",
  title: "the SPI: descriptors and who still names them",
  promise: "closing-is-orderly",
  needs: ["open", "close"],
  cases: [
    ...Object.entries(requests).map(([name, request]) => behindCase(name as OpcodeName, request)),
    {
      id: "close-behind-splice",
      title: "a close in one batch behind a splice ends after it, and the splice takes from its own file",
      needs: ["splice", "pipe"],
      calmOnly: true,
      run: (context) =>
        inRounds(context, async (raw) => {
          const paths = await giveFiles(context);
          const pipe = await pipeByHand(raw);
          const { results, stranger } = await closeBehind(raw, paths, (handle) => [
            {
              opcode: OPCODE.splice,
              handle,
              second: pipe.write,
              length: CONTENT.length,
              position: 0,
              argument0: -1,
              argument1: -1,
            },
          ]);
          equal(results.join(), `${CONTENT.length}`, "the bytes that were moved");
          for (const handle of [stranger, pipe.read, pipe.write]) {
            equal((await raw.run({ opcode: OPCODE.close, handle })).result, 0, "the result of close");
          }
        }),
    },
    {
      id: "close-behind-chain",
      title: "a close waits for a member of a chain whose turn has not come, which then works on its own file",
      needs: ["links", "timer", "write"],
      calmOnly: true,
      mutants: ["sim-close-waits-for-nobody"],
      run: async (context) => {
        const raw = openRaw(context);
        const slab = raw.session.memory.allocate(4096, 1);
        new Uint8Array(slab.buffers[0]!).fill(0x2a);
        const paths = await giveFiles(context);
        const { results, stranger } = await closeBehind(raw, paths, (handle) => [
          { opcode: OPCODE.timer, flags: SUBMIT_FLAG.link, position: 5000 },
          { opcode: OPCODE.nop, flags: SUBMIT_FLAG.link },
          { opcode: OPCODE.write, handle, buffer: slab.firstNumber, length: 4, position: 0 },
        ]);
        equal(results.join(), "0,0,4", "the results of the chain");
        equalBytes((await context.contentOf(paths.file)).subarray(0, 5), utf8("****4"), "the file of the chain");
        equalBytes(await context.contentOf(paths.stranger), STRANGERS, "the stranger's file");
        equal((await raw.run({ opcode: OPCODE.close, handle: stranger })).result, 0, "the stranger's close");
        raw.session.memory.free(slab.firstNumber);
        await raw.close();
      },
    },
    {
      id: "close-within-chain",
      title: "a close within a chain waits for nobody behind it: an operation on the same handle there is -EBADF",
      needs: ["links", "fsync"],
      calmOnly: true,
      run: async (context) => {
        const raw = openRaw(context);
        const handle = await openByHand(raw, await context.givenFile(CONTENT), OPEN_FLAG.read | OPEN_FLAG.write);
        const slots = [
          raw.write({ opcode: OPCODE.fsync, flags: SUBMIT_FLAG.link, slot: 40, handle }),
          raw.write({ opcode: OPCODE.close, flags: SUBMIT_FLAG.link, slot: 41, handle }),
          raw.write({ opcode: OPCODE.fsync, slot: 42, handle }),
        ];
        await raw.submitAll(slots);
        const results: number[] = [];
        for (const slot of slots) results.push((await raw.next(slot)).result);
        equal(results.join(), "0,0,-9", "the results");
        await raw.close();
      },
    },
  ],
};
