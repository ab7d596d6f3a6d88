/** Actors for what stands beside files and sockets: time, the pool, batches, paths, and misuse that must be refused. */
import { BatonError, type OwnedBuffer } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, fillPattern, LOW_LEVEL_CODES, patternMismatch } from "./context.js";

/** Timers never fire early, can be started again, and end when they are told to. */
export async function timerActor(context: Context, random: Random): Promise<void> {
  const timer = context.io.timer();
  for (let step = random.between(2, 8); step > 0 && !context.closing; step--) {
    const startMs = context.nowMs;
    const early = context.earlyEnd(random, 0.4, true);
    // Where it is ended early there is no need to wait for it.
    const afterMs = early.isNone ? random.below(8000) / 1000 : random.pick([1, 100_000]);
    const twice = random.chance(0.2);
    const sleeping = random.chance(0.5)
      ? context.end("sleep", context.io.sleep(afterMs, early.options), early.codes)
      : context.end("timer", timer.start(afterMs, early.options), [...early.codes, ...(twice ? LOW_LEVEL_CODES : [])]);
    // Starting it again ends the first start.
    if (twice) await context.end("timer", timer.start(1));
    const ended = await sleeping;
    early.done();
    const tookMs = context.nowMs - startMs;
    if (ended.ok) context.expect(isNotEarly(tookMs, afterMs), () => `timer: fired after ${tookMs} of ${afterMs} ms`);
  }
  if (!context.closing) await tick(context, random);
  if (!timer.closed) timer.close();
}

async function tick(context: Context, random: Random): Promise<void> {
  const timer = context.io.timer();
  const intervalMs = random.between(1, 4);
  const startMs = context.nowMs;
  try {
    for await (const count of timer.every(intervalMs)) {
      const tookMs = context.nowMs - startMs;
      context.expect(
        isNotEarly(tookMs, count * intervalMs),
        () => `every: tick ${count} of ${intervalMs} ms after ${tookMs} ms`,
      );
      if (count >= 3) break;
    }
  } catch (error) {
    const code = error instanceof BatonError ? error.code : String(error);
    const expected = code === "ERR_OPERATION_LIMIT" || context.closing;
    context.expect(expected, () => `every: rejects with ${code}`);
  }
  timer.close();
}

/** Differences of times are not exact. */
function isNotEarly(tookMs: number, afterMs: number): boolean {
  return tookMs > afterMs - 1e-6;
}

/** Holds buffers and writes its mark into them: nobody else may have them meanwhile. */
export async function poolActor(context: Context, random: Random): Promise<void> {
  const held: { readonly buffer: OwnedBuffer; readonly seed: number }[] = [];
  const giveBackOne = () => {
    const { buffer, seed } = held.splice(random.below(held.length), 1)[0]!;
    const mismatch = patternMismatch(buffer.bytes, seed, 0);
    context.expect(mismatch < 0, () => `pool: byte ${mismatch} of a held buffer was changed by somebody else`);
    buffer.release();
  };
  for (let step = random.between(4, 16); step > 0 && !context.closing; step--) {
    if (held.length > 0 && random.chance(0.4)) giveBackOne();
    const early = context.earlyEnd(random, 0.4, false);
    const length = random.pick([1, 100, 4096, 5000, 20_000]);
    const waits = early.isNone && random.chance(0.5);
    // Who waits for as long as it takes must not hold what others wait for.
    while (waits && held.length > 0) giveBackOne();
    const options = early.isNone ? (waits ? {} : { timeoutMs: 3 }) : withoutPolicy(early.options);
    const ended = await context.end("takeWhenFree", context.io.buffers.takeWhenFree(length, options), [
      ...early.codes,
      ...(options.timeoutMs === undefined ? [] : ["ERR_TIMEOUT"]),
    ]);
    early.done();
    if (ended.ok) {
      const seed = random.next();
      fillPattern(ended.value.bytes, seed, 0);
      held.push({ buffer: ended.value, seed });
    }
    await context.pause(random.below(2000) / 1000);
  }
  while (held.length > 0) giveBackOne();
}

function withoutPolicy({ signal, timeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): {
  signal?: AbortSignal;
  timeoutMs?: number;
} {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** Batches: results in the order of the requests, and none fails the others. */
export async function batchActor(context: Context, random: Random, path: string): Promise<void> {
  const { io, simulation } = context;
  simulation.files.write(path, "batch");
  for (let round = random.between(1, 4); round > 0 && !context.closing; round--) {
    const requests = Array.from({ length: random.between(1, 8) }, () =>
      random.pick([
        { opcode: "nop" },
        { opcode: "timer", afterMs: random.below(3) },
        { opcode: "stat", path },
        { opcode: "stat", path: `${path}.missing` },
        { opcode: "timer", afterMs: -1 },
        { opcode: "nop", timeoutMs: 0 },
      ] as const),
    );
    context.started += requests.length;
    const results = await io.batch(requests);
    context.settled += results.length;
    context.expect(results.length === requests.length, () => `batch: ${results.length} of ${requests.length} results`);
    for (const [index, result] of results.entries()) {
      const request = requests[index]!;
      const { opcode } = request;
      if (result.status === "rejected") {
        const code = result.reason instanceof BatonError ? result.reason.code : String(result.reason);
        const allowed = code === "ERR_OPERATION_LIMIT" || allowedCodes[opcode].includes(code) || context.closing;
        context.expect(allowed, () => `batch: ${JSON.stringify(request)} rejects with ${code}`);
      } else if (opcode === "stat") {
        const size = result.value?.size;
        context.expect(size === 5 && request.path === path, () => `batch: ${request.path} has ${size} bytes`);
      }
    }
    await context.pause(random.below(3));
  }
}

const allowedCodes: Readonly<Record<"nop" | "timer" | "stat", readonly string[]>> = {
  nop: ["ERR_TIMEOUT"],
  timer: ["ERR_OUT_OF_RANGE"],
  stat: ["ENOENT", "EIO"],
};

/** Paths of every length, to fill the arena, and the errors of opening. */
export async function pathActor(context: Context, random: Random, path: string): Promise<void> {
  const { io, simulation } = context;
  simulation.files.write(path, "path");
  const cases: readonly (readonly [string, "r" | "wx" | "w", readonly string[]])[] = [
    [path, "r", ["ok"]],
    [`${path}.missing`, "r", ["ENOENT"]],
    [path, "wx", ["EEXIST"]],
    ["/tmp", "w", ["EISDIR"]],
    [`${path}/below`, "r", ["ENOTDIR"]],
    [`/${"n".repeat(300)}`, "r", ["ENAMETOOLONG"]],
  ];
  for (let round = random.between(1, 4); round > 0 && !context.closing; round--) {
    const jobs = Array.from({ length: random.between(1, 5) }, async () => {
      const [name, flags, expected] = random.pick(cases);
      // The same place by a longer way.
      const long = `/${"./".repeat(random.pick([0, 10, 200, 1000, 1800]))}${name.slice(1)}`;
      const early = context.earlyEnd(random, 0.3, true);
      if (random.chance(0.5)) {
        await context.end("stat", io.stat(long, early.options), early.codes);
      } else {
        const ended = await context.end("open", io.openFile(long, flags, early.options), early.codes);
        const code = ended.ok ? "ok" : ended.error.code;
        const allowed = expected.includes(code) || OPEN_CODES.has(code) || context.closing;
        context.expect(allowed, () => `open ${name} with ${flags}: ${code}, not ${expected.join(" or ")}`);
        if (ended.ok && !ended.value.closed) await context.end("close", ended.value.close());
      }
      early.done();
    });
    await Promise.all(jobs);
  }
}

const OPEN_CODES: ReadonlySet<string> = new Set(["EIO", "EMFILE", "ABORT_ERR", "ERR_TIMEOUT", "ERR_OPERATION_LIMIT"]);

/** Misuse of buffers in flight: refused with its own code, and nothing is harmed by it. */
export async function misuseActor(context: Context, random: Random, path: string): Promise<void> {
  const { io, simulation } = context;
  simulation.files.write(path, "0123456789");
  const file = await context.insist("open", () => io.openFile(path, "r+"));
  if (file === undefined) return;
  for (let step = random.between(1, 4); step > 0 && !context.closing; step--) {
    const buffer = await context.take(10);
    if (buffer === undefined) continue;
    const view = buffer.bytes;
    const exclusive = random.chance(0.5);
    const use = (): Promise<unknown> =>
      exclusive ? file.readFull(buffer, { position: 0 }) : file.writeFull(buffer, { position: 100 });
    view.set(new TextEncoder().encode("0123456789"));
    const first = context.end("misuse", use());
    if (buffer.state === "lent") {
      context.expect(view.length === 0, () => "misuse: a view taken before the lend is still alive");
      refused(context, "bytes", () => buffer.bytes);
      refused(context, "release", () => buffer.release());
      const second = await context.end("misuse", file.readFull(buffer, { position: 0 }));
      const code = second.ok ? "ok" : second.error.code;
      const allowed = code === "ERR_BUFFER_LENT" || code === "ERR_OPERATION_LIMIT" || context.closing;
      context.expect(allowed, () => `misuse: a read into a lent buffer ends with ${code}`);
    }
    await first;
    context.letGo(buffer);
  }
  if (!file.closed) await context.end("close", file.close());
}

function refused(context: Context, what: string, misuse: () => unknown): void {
  try {
    misuse();
    context.fail(`misuse: ${what} of a lent buffer is let through`);
  } catch (error) {
    const code = error instanceof BatonError ? error.code : String(error);
    context.expect(code === "ERR_BUFFER_LENT", () => `misuse: ${what} of a lent buffer: ${code}`);
  }
}
