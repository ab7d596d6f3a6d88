/** What each way to ask for an early end, and each result that a driver can give, comes to. */
import { describe, expect, test } from "vitest";
import { ERRNO, WORD } from "../src/driver.js";
import type { Backend, Operation, OwnedBuffer } from "../src/index.js";
import {
  createHandDriver,
  flushed,
  type HandDriver,
  handBackend,
  handFile,
  handListener,
  handStream,
} from "./sim/hand-driver.js";

type Cause = "nothing" | "cancel" | "signal" | "timeout" | "close";
interface Row {
  readonly cause: Cause;
  readonly result: number;
  /** `"ok"`, or the code of the error. */
  readonly outcome: string;
  readonly answer?: string;
  /** The bytes go to the next receive. */
  readonly salvaged?: boolean;
}

const rows: readonly Row[] = [
  { cause: "nothing", result: 4, outcome: "ok" },
  { cause: "nothing", result: 0, outcome: "ok" },
  { cause: "nothing", result: -ERRNO.ECONNRESET, outcome: "ECONNRESET" },
  { cause: "nothing", result: -ERRNO.ECANCELED, outcome: "ECANCELED" },
  { cause: "cancel", result: -ERRNO.ECANCELED, outcome: "ERR_OPERATION_CANCELED", answer: "canceled" },
  { cause: "cancel", result: -ERRNO.EINTR, outcome: "ERR_OPERATION_CANCELED", answer: "canceled" },
  { cause: "cancel", result: 4, outcome: "ok", answer: "completed" },
  { cause: "cancel", result: 0, outcome: "ok", answer: "completed" },
  { cause: "cancel", result: -ERRNO.ECONNRESET, outcome: "ECONNRESET", answer: "completed" },
  { cause: "signal", result: -ERRNO.ECANCELED, outcome: "ABORT_ERR" },
  { cause: "signal", result: 4, outcome: "ABORT_ERR", salvaged: true },
  { cause: "signal", result: 0, outcome: "ABORT_ERR" },
  { cause: "signal", result: -ERRNO.ECONNRESET, outcome: "ECONNRESET" },
  { cause: "timeout", result: -ERRNO.ECANCELED, outcome: "ERR_TIMEOUT" },
  { cause: "timeout", result: 4, outcome: "ok" },
  { cause: "timeout", result: -ERRNO.ECONNRESET, outcome: "ECONNRESET" },
  { cause: "close", result: -ERRNO.ECANCELED, outcome: "ERR_RESOURCE_CLOSED" },
  { cause: "close", result: 0, outcome: "ERR_RESOURCE_CLOSED" },
  { cause: "close", result: -ERRNO.ENOTCONN, outcome: "ERR_RESOURCE_CLOSED" },
  { cause: "close", result: 4, outcome: "ok" },
];

/** What the driver has writes into the buffer of a receive. */
function fillBuffer(hand: HandDriver, text: string): void {
  const { record } = hand.last("receive");
  hand.memory.view(record[4]!, record[5]!, record[6]!).set(new TextEncoder().encode(text));
}

/** Completes whatever closes are in flight, as they come. */
async function letCloses(hand: HandDriver): Promise<void> {
  const seen = new Set<unknown>();
  for (let round = 0; round < 6; round++) {
    await flushed();
    for (const taken of hand.taken) {
      if ((taken.opcode !== "close" && taken.opcode !== "shutdown" && taken.opcode !== "cancel") || seen.has(taken))
        continue;
      seen.add(taken);
      hand.complete(taken, 0);
    }
  }
}

describe("a receive", () => {
  for (const { cause, result, outcome, answer, salvaged } of rows) {
    // mutant: reset-received-as-end
    // mutant: cancel-always-says-canceled, timeout-discards-the-result, errors-hidden-by-the-close, received-is-dropped
    const asked = cause === "nothing" ? "left alone" : `ended early by ${cause}`;
    test(`${asked}, whose result is ${result}, comes to ${outcome}${salvaged ? ", and its bytes to the next" : ""}`, async () => {
      const hand = createHandDriver();
      const io = handBackend(hand);
      const stream = await handStream(io, hand);
      const buffer = io.buffers.take(8);
      const controller = new AbortController();
      const operation = io.submit({
        opcode: "receive",
        stream,
        buffer,
        ...(cause === "signal" && { signal: controller.signal }),
        ...(cause === "timeout" && { timeoutMs: 1 }),
      });
      const settled = operation.done.then(
        () => "ok",
        (error: { code: string; buffer?: unknown }) => {
          expect(error.buffer).toBe(buffer);
          return error.code;
        },
      );
      await flushed();
      const target = hand.last("receive");
      let said: Promise<string> | undefined;
      let closing: Promise<unknown> | undefined;
      if (cause === "cancel") said = operation.cancel();
      if (cause === "signal") controller.abort();
      if (cause === "close") closing = stream.close();
      if (cause === "timeout") while (operation.state !== "canceling") await flushed();
      await flushed();
      fillBuffer(hand, "DATA");
      hand.complete(target, result);
      expect(await settled).toBe(outcome);
      expect(buffer.state).toBe("owned");
      if (answer !== undefined) expect(await said).toBe(answer);
      if (salvaged) {
        const next = await stream.receive(buffer);
        expect(next.bytesReceived).toBe(4);
        expect(new TextDecoder().decode(buffer.bytes.subarray(0, 4))).toBe("DATA");
      }
      await letCloses(hand);
      await closing;
    });
  }
});

/** An operation whose result is a handle, and how it is begun. */
const opening: Readonly<Record<"open" | "connect" | "listen", (io: Backend, signal: AbortSignal) => Promise<unknown>>> =
  {
    open: (io, signal) => io.openFile("/file", "r", { signal }),
    connect: (io, signal) => io.connect({ port: 1, signal }),
    listen: (io, signal) => io.listen({ signal }),
  };

describe("an operation that opens something", () => {
  for (const opcode of ["open", "connect", "listen"] as const) {
    // mutant: opened-is-left-open, connected-is-left-open
    test(`${opcode}: aborted too late, what it opened is closed, by index and generation`, async () => {
      const hand = createHandDriver();
      const io = handBackend(hand);
      const controller = new AbortController();
      const settled = opening[opcode](io, controller.signal).catch((error: { code: string }) => error.code);
      await flushed();
      const target = hand.last(opcode);
      controller.abort();
      await flushed();
      hand.complete(target, 7, { auxiliary: 3 });
      expect(await settled).toBe("ABORT_ERR");
      await flushed();
      const { record } = hand.last("close");
      expect([record[2], record[3]]).toEqual([7, 3]);
      expect(io.inspect().counters.salvaged).toBe(1);
      expect(io.inspect().resources).toEqual([]);
      await letCloses(hand);
      expect(io.inspect().operations).toEqual([]);
    });
  }

  // mutant: opened-is-left-open
  test("abandoned, what it opens later is closed", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const operation = io.submit({ opcode: "open", path: "/file" });
    await flushed();
    operation.abandon();
    await expect(operation.done).rejects.toMatchObject({ code: "ERR_OPERATION_ABANDONED" });
    hand.complete(hand.last("open"), 5, { auxiliary: 9 });
    await flushed();
    const { record } = hand.last("close");
    expect([record[2], record[3]]).toEqual([5, 9]);
  });
});

describe("an accept", () => {
  // mutant: accepted-is-dropped
  test("whose caller has left gives its connection to the next caller", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const listener = await handListener(io, hand);
    const controller = new AbortController();
    const left = listener.accept({ signal: controller.signal }).catch((error: { code: string }) => error.code);
    await flushed();
    const target = hand.last("accept");
    controller.abort();
    expect(await left).toBe("ABORT_ERR");
    await flushed();
    hand.complete(target, 11, { auxiliary: 2 });
    expect(listener.ready).toBe(1);
    const stream = await listener.accept();
    expect(listener.ready).toBe(0);
    const closing = stream.close();
    await flushed();
    expect([...hand.last("close").record.slice(2, 4)]).toEqual([11, 2]);
    await letCloses(hand);
    await closing;
  });

  test("of a peer that gave up while it waited is tried again, and nobody is told", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const listener = await handListener(io, hand);
    const accept = listener.accept();
    await flushed();
    hand.complete(hand.last("accept"), -ERRNO.ECONNABORTED);
    await flushed();
    hand.complete(hand.last("accept"), 3, { auxiliary: 1 });
    expect((await accept).closed).toBe(false);
  });

  test("that came while the listener was closing is closed", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const listener = await handListener(io, hand);
    const refused = expect(listener.accept()).rejects.toMatchObject({ code: "ERR_RESOURCE_CLOSED" });
    await flushed();
    const target = hand.last("accept");
    const closing = listener.close();
    await refused;
    await flushed();
    hand.complete(target, 21, { auxiliary: 4 });
    await flushed();
    expect([...hand.last("close").record.slice(2, 4)]).toContain(2);
    expect(hand.taken.filter(({ opcode }) => opcode === "close").map(({ record }) => record[2])).toContain(21);
    await letCloses(hand);
    await closing;
  });
});

describe("flushing a file", () => {
  // mutant: failed-sync-forgotten
  test("that failed once fails for ever with the first error: the kernel may have dropped what it could not write", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const first = file.sync();
    await flushed();
    hand.complete(hand.last("fsync"), -ERRNO.EIO);
    const error: unknown = await first.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "EIO", path: "/file" });
    const submitted = hand.taken.length;
    await expect(file.sync()).rejects.toBe(error);
    await expect(file.datasync()).rejects.toBe(error);
    expect(hand.taken).toHaveLength(submitted);
  });

  test("that was aborted says nothing of the data: the next flush is a real one", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    await expect(file.sync({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORT_ERR" });
    const next = file.sync();
    await flushed();
    hand.complete(hand.last("fsync"), 0);
    await next;
  });
});

describe("a driver that breaks its contract", () => {
  // mutant: late-completion-taken
  test("by completing what has ended is counted, and the operation that has the slot now is not touched", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const first = io.nop();
    await flushed();
    const stale = hand.last("nop");
    hand.complete(stale, 0);
    await first;
    const second: Operation<undefined> = io.submit({ opcode: "nop" });
    await flushed();
    expect(hand.last("nop").slot).toBe(stale.slot);
    hand.complete(stale, -ERRNO.EIO);
    expect(second.state).toBe("submitted");
    expect(io.inspect().counters.completionsStale).toBe(1);
    hand.complete(hand.last("nop"), 0);
    await second.done;
  });

  test("a buffer that came with such a completion goes home", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand, { receiveBuffersMax: 2, receiveBufferBytes: 4096 });
    const stream = await handStream(io, hand);
    const receiving = stream.receive();
    await flushed();
    const target = hand.last("receive");
    const [number] = hand.provided;
    hand.complete(target, 1, { provided: number! });
    (await receiving).buffer!.release();
    const out = io.inspect().buffers.out;
    hand.complete(target, 1, { provided: hand.provided[1]! });
    expect(io.inspect().counters.completionsStale).toBe(1);
    // It went home, and another was provided in its place.
    expect(io.inspect().buffers.out).toBe(out);
  });
});

describe("a backend that is closed", () => {
  // mutant: timers-ended-in-any-order
  test("ends timers in the order in which they would have ended: a kernel looks for each from the first on", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const afterMs = [30_000, 10_000, 2_000_000_000, 40_000, 20_000];
    const timers = afterMs.map((ms) => io.sleep(ms));
    await flushed();
    const slots = hand.taken.filter(({ opcode }) => opcode === "timer").map(({ slot }) => slot);
    const closing = io.close({ deadlineMs: 0 });
    await flushed();
    const ended = hand.taken.filter(({ opcode }) => opcode === "cancel").map(({ record }) => record[WORD.argument0]!);
    expect(ended.map((slot) => afterMs[slots.indexOf(slot)])).toEqual([...afterMs].sort((one, other) => one - other));
    await closing;
    await Promise.allSettled(timers);
  });
});

describe("a file that is closed", () => {
  // mutant: close-does-not-wait
  test("closes the handle only when the last operation on it has ended", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const file = await handFile(io, hand);
    const reading = file.read(io.buffers.take(8), { position: 0 });
    await flushed();
    const closing = file.close();
    await flushed();
    expect(hand.taken.some(({ opcode }) => opcode === "close")).toBe(false);
    hand.complete(hand.last("read"), 8);
    expect((await reading).bytesRead).toBe(8);
    await flushed();
    hand.complete(hand.last("close"), 0);
    await closing;
  });
});

describe("what is asked of a connection", () => {
  // mutant: shutdown-overtakes
  test("a shutdown goes behind the sends that were asked for before it", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const sending = stream.send(io.buffers.take(8));
    const ending = stream.shutdown();
    await flushed();
    expect(hand.taken.some(({ opcode }) => opcode === "shutdown")).toBe(false);
    hand.complete(hand.last("send"), 8);
    await sending;
    await flushed();
    hand.complete(hand.last("shutdown"), 0);
    await ending;
  });
});

describe("a send of more than goes out at once", () => {
  async function sending(options: { signal?: AbortSignal } = {}) {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const buffer: OwnedBuffer = io.buffers.take(100);
    const promise = stream.send(buffer, options);
    await flushed();
    return { hand, io, buffer, promise };
  }

  // mutant: short-send-ends
  test("goes on where it stopped until all bytes are out", async () => {
    const { hand, promise } = await sending();
    hand.complete(hand.last("send"), 30);
    await flushed();
    expect([...hand.last("send").record.slice(5, 7)]).toEqual([30, 70]);
    hand.complete(hand.last("send"), 70);
    expect((await promise).bytesSent).toBe(100);
  });

  test("aborted in the middle says how many bytes went out", async () => {
    const controller = new AbortController();
    const { hand, promise, buffer } = await sending({ signal: controller.signal });
    hand.complete(hand.last("send"), 30);
    await flushed();
    controller.abort();
    const failure = expect(promise).rejects.toMatchObject({ code: "ABORT_ERR", bytesTransferred: 30, buffer });
    await flushed();
    hand.complete(hand.last("send"), -ERRNO.ECANCELED);
    await failure;
  });

  test("that fails in the middle says how many bytes went out before", async () => {
    const { hand, promise } = await sending();
    hand.complete(hand.last("send"), 40);
    await flushed();
    const failure = expect(promise).rejects.toMatchObject({ code: "EPIPE", bytesTransferred: 40 });
    hand.complete(hand.last("send"), -ERRNO.EPIPE);
    await failure;
  });
});

describe("a reset of which nobody was told", () => {
  // mutant: untold-reset-is-forgotten
  test("because who would have been has given up is told to the next receive, once, behind what was kept", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const given = io.submit({ opcode: "receive", stream, buffer: io.buffers.take(8) });
    await flushed();
    given.abandon();
    await expect(given.done).rejects.toMatchObject({ code: "ERR_OPERATION_ABANDONED" });
    hand.complete(hand.last("receive"), -ERRNO.ECONNRESET);
    using buffer = io.buffers.take(8);
    // A receive of no bytes does not take it for the end, and a send has errors of its own.
    await expect(stream.receive(buffer, { length: 0 })).resolves.toMatchObject({ bytesReceived: 0 });
    const outcomes = [];
    for (let round = 0; round < 2; round++) {
      const receiving = stream.receive(buffer).then(
        ({ bytesReceived }) => bytesReceived,
        (error: { code: string }) => error.code,
      );
      await flushed();
      hand.complete(hand.last("receive"), 0);
      outcomes.push(await receiving);
    }
    expect(outcomes).toEqual(["ECONNRESET", 0]);
  });

  test("because a send was given up is told to the next receive", async () => {
    const hand = createHandDriver();
    const io = handBackend(hand);
    const stream = await handStream(io, hand);
    const sending = io.submit({ opcode: "send", stream, buffer: io.buffers.copyFrom("lost") });
    await flushed();
    sending.abandon();
    await expect(sending.done).rejects.toMatchObject({ code: "ERR_OPERATION_ABANDONED" });
    hand.complete(hand.last("send"), -ERRNO.ECONNRESET);
    using buffer = io.buffers.take(8);
    const receiving = stream.receive(buffer);
    await flushed();
    hand.complete(hand.last("receive"), 0);
    await expect(receiving).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});
