/** Chains: what is behind a failure must not have happened, and what has happened must have been told. */
import type { File, OwnedBuffer, Request } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, patternByte } from "./context.js";

/** Bytes of each write; each has a place of its own in the file. */
const WRITE_BYTES = 64;

/** A write of a chain. */
interface Write {
  readonly buffer: OwnedBuffer;
  readonly seed: number;
  readonly position: number;
}

export async function chainActor(context: Context, random: Random, path: string): Promise<void> {
  const file = await context.insist("open", () => context.io.openFile(path, "w+"));
  if (file === undefined) return;
  for (let round = random.between(2, 5); round > 0 && !context.closing; round--) {
    await runChain(context, random, file);
  }
  if (!file.closed) await context.end("close", file.close());
}

async function runChain(context: Context, random: Random, file: File): Promise<void> {
  const writes: (Write | undefined)[] = [];
  const requests: Request[] = [];
  for (let count = random.between(2, 5); count > 0; count--) {
    const early = random.chance(0.1) ? { timeoutMs: random.between(1, 3) } : {};
    const buffer = random.chance(0.7) ? await context.take(WRITE_BYTES) : undefined;
    if (buffer === undefined) {
      writes.push(undefined);
      requests.push(random.pick<Request>([{ opcode: "nop" }, { opcode: "fdatasync", file }]));
      continue;
    }
    const write = { buffer, seed: random.next(), position: writes.length * WRITE_BYTES };
    const { bytes } = buffer;
    for (let at = 0; at < bytes.length; at++) bytes[at] = patternByte(write.seed, at);
    writes.push(write);
    requests.push({ opcode: "write", file, buffer, position: write.position, ...early });
  }
  const before = context.simulation.files.read(file.path);
  const ended = await context.end("chain", context.io.chain(requests));
  if (ended.ok) await checkChain(context, file, { writes, before, results: ended.value });
  for (const write of writes) {
    if (write === undefined) continue;
    context.expectHome("link", write.buffer);
    context.letGo(write.buffer);
  }
}

async function checkChain(
  context: Context,
  file: File,
  chain: {
    readonly writes: readonly (Write | undefined)[];
    readonly before: Uint8Array;
    readonly results: readonly PromiseSettledResult<unknown>[];
  },
): Promise<void> {
  let isBroken = false;
  for (const [index, result] of chain.results.entries()) {
    const promise = result.status === "fulfilled" ? Promise.resolve(result.value) : Promise.reject(result.reason);
    const ended = await context.end("chain", promise as Promise<{ bytesWritten?: number } | undefined>, [
      "ERR_TIMEOUT",
    ]);
    context.expect(!(isBroken && ended.ok), () => `chain: member ${index} was done, and one before it was not`);
    const write = chain.writes[index];
    const moved = ended.ok ? (ended.value?.bytesWritten ?? 0) : (ended.error.bytesTransferred ?? 0);
    // What a closed backend could not confirm may have ended well.
    const isUnknown = !ended.ok && ended.error.code === "ERR_BACKEND_CLOSED";
    if (!isUnknown && (!ended.ok || (write !== undefined && moved < WRITE_BYTES))) isBroken = true;
    if (write !== undefined && !context.closing) checkWrite(context, file, { ...write, moved, before: chain.before });
  }
}

function checkWrite(
  context: Context,
  file: File,
  { seed, position, moved, before }: Write & { readonly moved: number; readonly before: Uint8Array },
): void {
  const after = context.simulation.files.read(file.path);
  for (let at = 0; at < WRITE_BYTES; at++) {
    const expected = at < moved ? patternByte(seed, at) : (before[position + at] ?? 0);
    if ((after[position + at] ?? 0) === expected) continue;
    context.fail(`chain: byte ${position + at} is ${after[position + at]}, not ${expected}; ${moved} were written`);
    return;
  }
}
