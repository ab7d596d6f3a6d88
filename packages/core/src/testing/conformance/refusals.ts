/**
 * The negative cases: what a driver declares to lack is refused when it is asked for, in words, before anything is
 * lent or opened. Nothing is ignored in silence.
 */

import { type FeatureName, isSupported, type OpcodeName } from "@baton-io/core";
import { BAD_RECORD, ERRNO, OPCODE, OPEN_FLAG, SUBMIT_FLAG } from "@baton-io/core/driver";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { submitStaged } from "../traits/specimen.js";
import { specimens } from "../traits/specimens.js";
import { textOf } from "./bytes.js";
import type { Need } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, fail, ok, oneOf, rejects } from "./expect.js";
import { openRaw, type RawSubmission } from "./raw-session.js";
import { sendText } from "./stream-talk.js";

type Refusal = (context: CaseContext) => Promise<void>;

/** The negative case for something that the driver lacks. */
export function refusalOf(need: Need): Refusal {
  return async (context) => {
    expectReason(context, need);
    if (isOperation(need)) await refusesOperation(context, need);
    else await featureRefusals[need](context);
  };
}

function isOperation(need: Need): need is OpcodeName {
  return Object.hasOwn(OPCODE, need);
}

/** Whatever is lacking is named, with a reason that a person can read. */
function expectReason({ io }: CaseContext, need: Need): void {
  const { operations, features } = io.capabilities;
  const support = isOperation(need) ? operations[need] : features[need];
  if (support.kind !== "unsupported") fail(`expected ${need} to be unsupported, and it is ${support.kind}`);
  ok(support.why.length > 0, `a reason why ${need} is unsupported`);
}

// --- operations -----------------------------------------------------------------------------------------------------

// mutant: unsupported-operation-begins
/** By the methods of the backend where they need nothing that may be lacking too; by a raw record in any case. */
async function refusesOperation(context: CaseContext, name: OpcodeName): Promise<void> {
  const { io } = context;
  const ask = backendCalls[name];
  if (ask !== undefined) {
    const error = await rejects(ask(context), "ERR_UNSUPPORTED", { driver: io.driver });
    ok(error.message.includes(name), `the message to name ${name}`);
    equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
  }
  await refusesOnItsResource(context, name);
  await refusesRecord(context, { opcode: OPCODE[name] });
}

/** Operations that can be asked for with nothing but a backend. */
const backendCalls: Partial<Record<OpcodeName, (context: CaseContext) => Promise<unknown>>> = {
  nop: ({ io }) => io.nop(),
  open: (context) => context.io.openFile(context.path(), "w"),
  stat: (context) => context.io.stat(context.path()),
  listen: ({ io }) => io.listen(),
  connect: ({ io }) => io.connect({ port: 9 }),
  datagram: ({ io }) => io.bindUdp(),
  unlink: (context) => context.io.unlink(context.path()),
  rename: (context) => context.io.rename(context.path(), context.path()),
  mkdir: (context) => context.io.mkdir(context.path()),
  hardlink: (context) => context.io.hardlink(context.path(), context.path()),
  symlink: (context) => context.io.symlink(context.path(), context.path()),
  timer: ({ io }) => io.sleep(1),
};

/** True when the driver has all of this. */
function has({ io }: CaseContext, needs: readonly Need[]): boolean {
  const { operations, features } = io.capabilities;
  return needs.every((need) => isSupported(isOperation(need) ? operations[need] : features[need]));
}

/** Where the driver has everything but this one operation, it is asked for on a real file or connection. */
async function refusesOnItsResource(context: CaseContext, name: OpcodeName): Promise<void> {
  for (const specimen of specimens) {
    const others = specimen.needs.filter((need) => need !== name);
    if (!specimen.onResource || others.length === specimen.needs.length || !has(context, others)) continue;
    const stage = await specimen.prepare(context);
    const { submitted } = context.io.inspect().counters;
    await rejects(stage.call(), "ERR_UNSUPPORTED", { driver: context.io.driver });
    if (stage.request !== undefined) {
      await rejects(
        Promise.resolve().then(() => submitStaged(context.io, stage).done),
        "ERR_UNSUPPORTED",
      );
    }
    equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
    if (stage.buffer !== undefined) equal(stage.buffer.state, "owned", "the state of the buffer");
    await stage[Symbol.asyncDispose]();
  }
}

// --- records --------------------------------------------------------------------------------------------------------

/** Errnos that say "there is no such thing here". */
const refusalResults: readonly number[] = [
  -ERRNO.EINVAL,
  -ERRNO.ENOSYS,
  -ERRNO.ENOTSUP,
  // The handle is looked at first, and there is none.
  -ERRNO.EBADF,
  // Or the whole record is, and it names no area for an answer.
  BAD_RECORD,
];

/** A record that asks for it ends once, with an errno. */
async function refusesRecord(context: CaseContext, submission: RawSubmission): Promise<void> {
  const raw = openRaw(context);
  const completion = await raw.run(submission);
  oneOf(completion.result, refusalResults, "the result of a record that asks for it");
  equal(completion.more, false, "that more is to come");
  await raw.close();
}

/** A flag that the driver does not know ends the operation, it is not passed over. */
function refusesFlag(flag: number, submission: Omit<RawSubmission, "flags">): Refusal {
  return (context) => refusesRecord(context, { ...submission, flags: flag });
}

/** Not asked for by programs, only used by core and the driver themselves: to be declared is all there is. */
const onlyDeclared: Refusal = async () => {};

// --- features -------------------------------------------------------------------------------------------------------

const featureRefusals: Readonly<Record<FeatureName, Refusal>> = {
  multishotAccept: async (context) => {
    await refusesFlag(SUBMIT_FLAG.multishot, { opcode: OPCODE.accept })(context);
  },
  multishotReceive: async (context) => {
    await refusesFlag(SUBMIT_FLAG.multishot | SUBMIT_FLAG.providedBuffer, { opcode: OPCODE.receive, length: 64 })(
      context,
    );
  },
  // mutant: loops-need-a-buffer-ring
  providedBuffer: async (context) => {
    await refusesFlag(SUBMIT_FLAG.providedBuffer, { opcode: OPCODE.receive, length: 64 })(context);
    if (!has(context, [...connectionNeeds, "receive", "send", "shutdown"])) return;
    const { io, far } = context;
    await using pair = await context.pair();
    const { near } = pair;
    const { submitted } = io.inspect().counters;
    const request = { opcode: "receive", stream: near } as const;
    const refused = await io
      .batch([request])
      .then(([result]) => (result as { reason?: { code?: string } }).reason?.code);
    equal(refused, "ERR_UNSUPPORTED", "the code that the operation is refused with");
    equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
    // The pool lends buffers instead.
    if (has(context, ["cancelSocket"])) {
      await rejects(near.receive({ timeoutMs: 2 }), "ERR_TIMEOUT", { buffer: undefined });
    }
    await rejects(near.receive({ timout: 2 } as never), "ERR_UNKNOWN_OPTION");
    equal(io.inspect().buffers.out, 0, "the number of buffers out");
    const receiving = [near.receive(), near.receive()] as const;
    for (const text of ["one", "and two"]) {
      await sendText(far, pair.far, text);
      const { buffer, bytesReceived } = await receiving[text === "one" ? 0 : 1];
      equal(textOf(buffer!.bytes.subarray(0, bytesReceived)), text, "what is received");
      buffer!.release();
    }
    const sending = sendText(far, pair.far, "in a loop").then(() => pair.far.shutdown());
    let text = "";
    for await (const { buffer, bytesReceived } of near) {
      text += textOf(buffer.bytes.subarray(0, bytesReceived));
      buffer.release();
    }
    equal(text, "in a loop", "what the loop receives");
    await sending;
    equal((await near.receive()).buffer, undefined, "the buffer at the end");
    equal(io.inspect().buffers.out, 0, "the number of buffers out");
  },
  // mutant: libuv-flags-passed-over
  links: refusesFlag(SUBMIT_FLAG.link, { opcode: OPCODE.nop }),
  linkTimeout: async (context) => {
    // Deadlines are kept all the same, by core.
    if (!has(context, ["timer"])) return;
    await rejects(context.io.submit({ opcode: "timer", afterMs: 60_000, timeoutMs: 1 }).done, "ERR_TIMEOUT");
  },
  cancelFile: async (context) => {
    if (!has(context, ["open", "close", "read"])) return;
    const file = await context.openFile("content");
    using buffer = context.io.buffers.take(7);
    const operation = context.io.submit({ opcode: "read", file, buffer, position: 0 });
    await context.flush();
    oneOf(await operation.cancel(), ["completed", "too-late"], "the answer of cancel()");
    equal((await operation.done).bytesRead > 0, true, "that the read has its result");
    await file.close();
  },
  cancelSocket: async (context) => {
    if (!has(context, [...connectionNeeds, "send", "receive"])) return;
    const pair = await context.pair();
    using buffer = context.io.buffers.take(1);
    using one = context.far.buffers.copyFrom("x");
    const operation = context.io.submit({ opcode: "receive", stream: pair.near, buffer });
    await context.flush();
    const answer = operation.cancel();
    await pair.far.send(one);
    equal(await answer, "completed", "the answer of cancel()");
    equal((await operation.done).bytesReceived, 1, "the bytes received");
    await pair[Symbol.asyncDispose]();
  },
  pageAlignedMemory: async ({ io }) => {
    const { alignmentBytes } = io.buffers;
    ok(alignmentBytes > 0 && alignmentBytes < 4096, "the pool to promise less than a page");
  },
  // mutant: unsupported-feature-passed-over
  directIo: async (context) => {
    const path = context.path();
    const { submitted } = context.io.inspect().counters;
    await rejects(context.io.openFile(path, "r", { direct: true }), "ERR_UNSUPPORTED", { driver: context.io.driver });
    equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
    const raw = openRaw(context);
    const completion = await raw.run({ opcode: OPCODE.open, path, argument0: OPEN_FLAG.read | OPEN_FLAG.direct });
    oneOf(completion.result, refusalResults, "the result of a record that asks for it");
    await raw.close();
  },
  registeredBuffers: onlyDeclared,
  registeredFiles: onlyDeclared,
  zeroCopySend: onlyDeclared,
  joinedSends: onlyDeclared,
  renameNoReplace: async (context) => {
    const { io } = context;
    const [from, to] = [context.path(), context.path()];
    await rejects(io.rename(from, to, { replace: false }), "ERR_UNSUPPORTED", { driver: io.driver });
    equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
    const [first, second] = [new TextEncoder().encode(from), new TextEncoder().encode(to)];
    await refusesRecord(context, {
      opcode: OPCODE.rename,
      arena: Uint8Array.of(...first, 0, ...second, 0),
      length: first.length,
      argument0: 1,
      argument1: second.length,
    });
  },
  pipeTo: async (context) => {
    if (!has(context, [...connectionNeeds, "open"])) return;
    const file = await context.openFile("content");
    const pair = await context.pair();
    const { submitted } = context.io.inspect().counters;
    await rejects(pair.near.pipeTo(file), "ERR_UNSUPPORTED", { driver: context.io.driver });
    await rejects(file.pipeTo(pair.near), "ERR_UNSUPPORTED", { driver: context.io.driver });
    equal(context.io.inspect().counters.submitted, submitted, "the number of operations submitted");
    await pair[Symbol.asyncDispose]();
    await file.close();
  },
  unixSockets: async ({ io }) => {
    await rejects(io.listen({ path: "/baton.sock" }), "ERR_UNSUPPORTED", { driver: io.driver });
    await rejects(io.connect({ path: "/baton.sock" }), "ERR_UNSUPPORTED", { driver: io.driver });
    equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
  },
  abstractUnixSockets: async ({ io }) => {
    await rejects(io.listen({ path: "\0baton" }), "ERR_UNSUPPORTED", { driver: io.driver });
    await rejects(io.connect({ path: "\0baton" }), "ERR_UNSUPPORTED", { driver: io.driver });
    equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
  },
  reusePort: async ({ io }) => {
    await rejects(io.listen({ reusePort: true }), "ERR_UNSUPPORTED", { driver: io.driver });
    equal(io.inspect().counters.submitted, 0, "the number of operations submitted");
  },
};
