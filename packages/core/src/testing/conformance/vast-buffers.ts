/** Limits of lengths and offsets: buffers of up to 4 GiB − 1, of which hardly a page is touched. See `limits.ts`. */
import type { File, Lendable, OwnedBuffer, TcpStream } from "@baton-io/core";
import { BUFFER_BYTES_MAX, TRANSFER_BYTES_MAX } from "@baton-io/core/driver";
import { datagramNeeds } from "../traits/datagram-specimens.js";
import { connectionNeeds } from "../traits/socket-specimens.js";
import { textOf } from "./bytes.js";
import type { CaseDefinition } from "./case.js";
import type { CaseContext } from "./context.js";
import { equal, equalBytes, fail, ok, rejects, throws } from "./expect.js";
import { BEYOND_POSITIONS, expectHome, expectRefused, WORDS } from "./limit-values.js";
import { receiveBytes, sendBytes } from "./stream-talk.js";

/** Around the limits of signed and unsigned words of 32 bits. */
const VAST_LENGTHS = [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, BUFFER_BYTES_MAX - 1, BUFFER_BYTES_MAX] as const;
/** A place in a buffer that is negative as a signed word, and the last one that there is. */
const FAR = 2 ** 31 + 12_345;
const LAST = BUFFER_BYTES_MAX - 16;

/** The longest buffer, of memory that is not there before somebody touches it. */
interface Vast {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly buffer: OwnedBuffer;
}

async function withVast(context: CaseContext, run: (vast: Vast) => Promise<void>): Promise<void> {
  const memory = new Uint8Array(BUFFER_BYTES_MAX);
  const buffer = context.io.buffers.unsafeBorrow(memory);
  await run({ memory, buffer });
  expectHome(context, buffer);
  buffer.release();
}

function openSink(context: CaseContext): Promise<File> {
  return context.io.openFile(context.subject.sinkPath ?? fail("a sink"), "w");
}

/**
 * Cases with 4 GiB of memory, all but a few pages of which nobody touches. That costs time nevertheless, and what a rough
 * machine does is the same for any length: only one of them runs there.
 */
function vastCase(one: Omit<CaseDefinition, "subjectNeeds">): CaseDefinition {
  return { calmOnly: true, ...one, subjectNeeds: ["sinkPath"] };
}

/** Where a place beyond 2 GiB would end up that was cut to 31 bits. */
function expectUntouched(memory: Uint8Array): void {
  for (const place of [FAR, LAST]) {
    const bytes = memory.subarray(place - 2 ** 31, place - 2 ** 31 + 64);
    ok(
      bytes.every((byte) => byte === 0),
      `nothing at ${place - 2 ** 31}`,
    );
  }
}

/** Receives until the peer ends its side; how many bytes. */
async function countToTheEnd({ far: io }: CaseContext, stream: TcpStream): Promise<number> {
  using buffer = io.buffers.take(2 ** 20);
  for (let count = 0; ; ) {
    const { bytesReceived } = await stream.receive(buffer);
    if (bytesReceived === 0) return count;
    count += bytesReceived;
  }
}

export const vastCases: readonly CaseDefinition[] = [
  vastCase({
    id: "vast-writes",
    calmOnly: false,
    title: "writeFull writes 2 GiB and more, up to 4 GiB − 1, and says so, whichever part of the buffer it is",
    mutants: ["lengths-are-signed"],
    run: (context) =>
      withVast(context, async ({ buffer }) => {
        await using sink = await openSink(context);
        for (const length of VAST_LENGTHS) {
          const offset = BUFFER_BYTES_MAX - length;
          for (const options of [{ length }, { offset, position: 0 }, { offset, length, position: FAR }]) {
            equal((await sink.writeFull(buffer, options)).bytesWritten, length, "bytesWritten");
          }
          equal((await sink.writeFull(buffer.slice(offset))).bytesWritten, length, "bytesWritten of a slice");
        }
      }),
  }),
  vastCase({
    id: "one-submission",
    title: `one write, and one vector, moves ${TRANSFER_BYTES_MAX} bytes at most and tells how many`,
    needs: ["writev"],
    mutants: ["vector-without-bound"],
    run: (context) =>
      withVast(context, async ({ buffer }) => {
        await using sink = await openSink(context);
        for (const length of VAST_LENGTHS) {
          const { bytesWritten } = await sink.write(buffer, { length });
          equal(bytesWritten, Math.min(length, TRANSFER_BYTES_MAX), `bytesWritten of ${length}`);
        }
        const submitted = await context.io.submit({ opcode: "write", file: sink, buffer }).done;
        equal(submitted.bytesWritten, TRANSFER_BYTES_MAX, "bytesWritten of a request");
        const half = buffer.slice(0, 2 ** 30);
        const vectors: readonly (readonly [readonly Lendable[], number])[] = [
          [[buffer], TRANSFER_BYTES_MAX],
          [[buffer, buffer], TRANSFER_BYTES_MAX],
          [[half, half, half, half], TRANSFER_BYTES_MAX],
          [[half, buffer.slice(FAR, FAR + 10), buffer.slice(LAST)], 2 ** 30 + 26],
        ];
        for (const [list, bytes] of vectors) {
          equal((await sink.writev(list)).bytesWritten, bytes, `bytesWritten of ${list.length} buffers`);
        }
      }),
  }),
  vastCase({
    id: "vast-reads",
    title: "reads of up to 4 GiB − 1 give what the file has, at its start and beyond its end",
    needs: ["readv"],
    run: (context) =>
      withVast(context, async ({ memory, buffer }) => {
        await using file = await context.openFile(WORDS, "r");
        for (const length of VAST_LENGTHS) {
          for (const options of [
            { length },
            { length, position: 0 },
            { offset: BUFFER_BYTES_MAX - length, position: 0 },
          ]) {
            memory.fill(0, 0, 16);
            const own = !("position" in options);
            const { bytesRead } = await file.readFull(buffer, options);
            // Its own position is at the end from the first one on.
            const expected = own && length !== VAST_LENGTHS[0] ? 0 : WORDS.length;
            equal(bytesRead, expected, `bytesRead of ${length}`);
          }
          equal((await file.read(buffer, { length, position: WORDS.length })).bytesRead, 0, "bytesRead at the end");
        }
        const { bytesRead } = await file.readv([buffer.slice(0, 4), buffer.slice(4)], { position: 0 });
        ok(bytesRead > 0, "some bytes to be read");
        equal(textOf(memory.subarray(0, bytesRead)), textOf(WORDS.subarray(0, bytesRead)), "what was read");
      }),
  }),
  vastCase({
    id: "vast-errors",
    title: "a transfer of 4 GiB − 1 that fails, or is aborted before it begins, says what a short one says",
    run: (context) =>
      withVast(context, async ({ buffer }) => {
        await using file = await context.openFile(WORDS, "r");
        await rejects(file.writeFull(buffer, { position: 0 }), "EBADF", { buffer, bytesTransferred: 0 });
        const signal = AbortSignal.abort();
        await rejects(file.readFull(buffer, { signal }), "ABORT_ERR", { buffer });
        equalBytes(await context.contentOf(file.path), WORDS, "the file");
      }),
  }),
  {
    id: "beyond-the-longest",
    calmOnly: true,
    title: "memory of 4 GiB and more is no buffer: ERR_OUT_OF_RANGE, and it is left alone",
    subjectNeeds: ["sinkPath"],
    mutants: ["buffers-without-limit"],
    run: async (context) => {
      const io = context.open({ poolBytesMax: 2 ** 34 });
      const memory = new ArrayBuffer(2 ** 32);
      for (const source of [memory, new Uint8Array(memory)]) {
        throws(() => io.buffers.unsafeBorrow(source), "ERR_OUT_OF_RANGE");
        throws(() => io.buffers.adopt(source), "ERR_OUT_OF_RANGE");
        throws(() => io.buffers.copyFrom(source), "ERR_OUT_OF_RANGE");
      }
      equal(memory.byteLength, 2 ** 32, "the length of the memory");
      for (const length of [2 ** 32, 2 ** 32 + 16, 2 ** 33, ...BEYOND_POSITIONS]) {
        throws(() => io.buffers.take(length), "ERR_OUT_OF_RANGE");
        await rejects(io.buffers.takeWhenFree(length), "ERR_OUT_OF_RANGE");
      }
      equal(io.inspect().buffers.out, 0, "the number of buffers out");
    },
  },
  vastCase({
    id: "beyond-the-buffer",
    title: "an offset or length beyond a buffer of 4 GiB − 1 is ERR_OUT_OF_RANGE, also where only their sum is",
    needs: ["writev"],
    run: (context) =>
      withVast(context, async ({ buffer }) => {
        await using sink = await openSink(context);
        const parts = [
          { offset: 2 ** 32 },
          { length: 2 ** 32 },
          { offset: FAR, length: FAR },
          { offset: 2 ** 31, length: 2 ** 31 },
          { offset: BUFFER_BYTES_MAX, length: 1 },
          { offset: 2 ** 32 + 5, length: 5 },
          { offset: 2 ** 53, length: 5 },
        ];
        await expectRefused(context, parts, (part) => [sink.write(buffer, part), sink.writeFull(buffer, part)]);
        throws(() => buffer.slice(0, 2 ** 32), "ERR_OUT_OF_RANGE");
        throws(() => buffer.slice(2 ** 32), "ERR_OUT_OF_RANGE");
        equal((await sink.write(buffer, { offset: BUFFER_BYTES_MAX })).bytesWritten, 0, "bytesWritten of nothing");
      }),
  }),
  // --- offsets --------------------------------------------------------------------------------------------------
  vastCase({
    id: "far-in-a-buffer",
    title: "bytes beyond 2 GiB of a buffer are written and read where they are, and no others",
    needs: ["readv", "writev"],
    mutants: ["libuv-offsets-are-signed"],
    run: (context) =>
      withVast(context, async ({ memory, buffer }) => {
        await using file = await context.openFile("");
        memory.set(WORDS, FAR);
        await file.writeFull(buffer, { offset: FAR, length: 16, position: 0 });
        equalBytes(await context.contentOf(file.path), WORDS, "the file");
        equal((await file.readFull(buffer, { offset: LAST, position: 0 })).bytesRead, 16, "bytesRead");
        equalBytes(memory.subarray(LAST), WORDS, "the end of the buffer");
        equal((await file.readFull(buffer.slice(FAR + 16, FAR + 32))).bytesRead, 16, "bytesRead into a slice");
        equalBytes(memory.subarray(FAR + 16, FAR + 32), WORDS, "the slice");
        // Each word of a vector is as wide.
        await file.truncate(0);
        const swapped = Uint8Array.of(...WORDS.subarray(8), ...WORDS.subarray(0, 8));
        const { bytesWritten } = await file.writev([buffer.slice(LAST + 8), buffer.slice(FAR, FAR + 8)], {
          position: 0,
        });
        equalBytes(await context.contentOf(file.path), swapped.subarray(0, bytesWritten), "the file of a vector");
        const parts = [buffer.slice(FAR + 40, FAR + 44), buffer.slice(FAR + 44, FAR + 56)];
        const { bytesRead } = await file.readv(parts, { position: 0 });
        equalBytes(memory.subarray(FAR + 40, FAR + 40 + bytesRead), swapped.subarray(0, bytesRead), "what was read");
        expectUntouched(memory);
      }),
  }),
  vastCase({
    id: "far-in-a-stream",
    title: "bytes beyond 2 GiB of a buffer are sent and received where they are, and no others",
    needs: [...connectionNeeds, "send", "receive", "shutdown"],
    mutants: ["libuv-offsets-are-signed"],
    run: (context) =>
      withVast(context, async ({ memory, buffer }) => {
        await using pair = await context.pair();
        memory.set(WORDS, FAR);
        await pair.near.send(buffer, { offset: FAR, length: 16 });
        await pair.near.send(buffer.slice(FAR, FAR + 7));
        const received = await receiveBytes(context.far, pair.far, 23);
        equal(textOf(received), `${textOf(WORDS)}sixteen`, "what was received");
        await sendBytes(context.far, pair.far, WORDS);
        // All of the buffer may be filled; what is there is what has come.
        for (let offset = LAST; offset < BUFFER_BYTES_MAX; ) {
          offset += (await pair.near.receive(buffer, { offset })).bytesReceived;
        }
        equalBytes(memory.subarray(LAST), WORDS, "the end of the buffer");
        expectUntouched(memory);
        await sendBytes(context.far, pair.far, WORDS);
        const { bytesReceived } = await pair.near.receive(buffer);
        equalBytes(memory.subarray(0, bytesReceived), WORDS.subarray(0, bytesReceived), "the start of the buffer");
      }),
  }),
  vastCase({
    id: "vast-send",
    title: "a send of 4 GiB − 1 that its time cuts short says how much of it the peer receives",
    needs: [...connectionNeeds, "send", "receive", "shutdown", "cancelSocket"],
    run: (context) =>
      withVast(context, async ({ buffer }) => {
        await using pair = await context.pair();
        const sending = rejects(pair.near.send(buffer, { timeoutMs: 5 }), "ERR_TIMEOUT", { buffer });
        await context.after(10);
        const receiving = countToTheEnd(context, pair.far);
        const { bytesTransferred } = await sending;
        await pair.near.shutdown("send");
        equal(await receiving, bytesTransferred, "what the peer received");
      }),
  }),
  vastCase({
    id: "vast-datagrams",
    title: "a datagram comes from, and goes to, a place beyond 2 GiB; one of 4 GiB − 1 is EMSGSIZE",
    needs: [...datagramNeeds, "sendMessage", "receiveMessage"],
    mutants: ["datagrams-without-bound"],
    run: (context) =>
      withVast(context, async ({ memory, buffer }) => {
        await using near = await context.io.bindUdp();
        await using far = await context.io.bindUdp();
        const { address, port } = far.address;
        memory.set(WORDS, FAR);
        await near.send(buffer, { address, port, offset: FAR, length: 16 });
        const { bytesReceived } = await far.receive(buffer, { offset: LAST });
        equal(bytesReceived, 16, "bytesReceived");
        equalBytes(memory.subarray(LAST), WORDS, "the end of the buffer");
        expectUntouched(memory);
        for (const length of VAST_LENGTHS) {
          await rejects(near.send(buffer, { address, port, length }), "EMSGSIZE", { buffer, errno: -90 });
        }
        await near.send(buffer, { address, port, offset: LAST });
        // What it could hold is more than there is in any datagram.
        equal((await far.receive(buffer)).bytesReceived, 16, "bytesReceived");
        equalBytes(memory.subarray(0, 16), WORDS, "the start of the buffer");
      }),
  }),
  {
    id: "far-in-memory",
    calmOnly: true,
    title: "of memory that is longer than a buffer can be, a part beyond 4 GiB is borrowed, and is that part",
    subjectNeeds: ["sinkPath"],
    mutants: ["borrowed-offsets-are-cut"],
    run: async (context) => {
      const memory = new ArrayBuffer(2 ** 32 + 8192);
      const part = new Uint8Array(memory, 2 ** 32 + 4096, 16);
      part.set(WORDS);
      using buffer = context.io.buffers.unsafeBorrow(part);
      await using file = await context.openFile("");
      await file.writeFull(buffer, { position: 0 });
      equalBytes(await context.contentOf(file.path), WORDS, "the file");
    },
  },
];
