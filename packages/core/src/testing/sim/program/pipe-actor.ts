/**
 * A file that goes over a connection into another file, by transfers that are ended early again and again: each must
 * say exactly how far it came, so that the next one can go on from there.
 */
import type { BatonError, File, StreamSocket } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, type Ended, fillPattern, patternMismatch } from "./context.js";
import { endSending } from "./stream-transfer.js";

/** What one side has moved, and whether it could have gone on. */
interface Moved {
  readonly bytes: number;
  readonly isBroken: boolean;
}

/** After these nobody can go on; after those of a device what was taken may be lost. */
const ENDS: ReadonlySet<string> = new Set([
  ...["EPIPE", "ECONNRESET", "ENOTCONN", "ERR_RESOURCE_CLOSED", "ERR_BACKEND_CLOSED"],
  ...["EIO", "ENOSPC", "EFBIG"],
]);

export async function pipeActor(context: Context, random: Random, path: string): Promise<void> {
  const { io, simulation } = context;
  const seed = random.next();
  const content = new Uint8Array(random.between(1, 20_000));
  fillPattern(content, seed, 0);
  simulation.files.write(path, content);
  const source = await context.insist("open", () => io.openFile(path, "r"));
  const sink = await context.insist("open", () => io.openFile(`${path}-copy`, "w+"));
  const listener = await context.insist("listen", () => io.listen({ port: 0 }));
  if (source !== undefined && sink !== undefined && listener !== undefined) {
    const far = await context.insist("connect", () => io.connect({ port: listener.address.port }));
    // The connection may have been broken meanwhile: then there is nothing to accept.
    const accepted = await context.end("accept", listener.accept({ timeoutMs: 50 }), ["ERR_TIMEOUT"]);
    const near = accepted.ok ? accepted.value : undefined;
    if (near !== undefined && far !== undefined) {
      const [sent, received] = await Promise.all([
        sendFile(context, random.fork(), source, far, content.length),
        receiveFile(context, random.fork(), near, sink),
      ]);
      check(context, { sent, received, seed, path: sink.path });
    }
    for (const stream of [near, far]) {
      if (stream !== undefined && !stream.closed) await context.end("close", stream.close());
    }
  }
  for (const resource of [source, sink, listener]) {
    if (resource !== undefined && !resource.closed) await context.end("close", resource.close());
  }
}

async function sendFile(
  context: Context,
  random: Random,
  source: File,
  stream: StreamSocket,
  size: number,
): Promise<Moved> {
  // Nobody else moves the own position, so it is the same.
  const atOwn = random.chance(0.5);
  let bytes = 0;
  let isBroken = false;
  while (bytes < size && !stream.closed && !context.closing) {
    const early = context.earlyEnd(random, 0.3, false);
    const length = random.chance(0.5) ? random.between(1, size - bytes) : size - bytes;
    const ended = await context.end(
      "file.pipeTo",
      source.pipeTo(stream, { ...(!atOwn && { position: bytes }), length, ...early.options }),
      early.codes,
    );
    early.done();
    bytes += movedBy(ended);
    isBroken = !ended.ok && ENDS.has(ended.error.code);
    if (isBroken) break;
    if (!ended.ok) await context.pause(0.5);
  }
  // The other end waits for it, however far this one came.
  await endSending(context, stream);
  return { bytes, isBroken: isBroken || stream.closed || context.closing };
}

async function receiveFile(context: Context, random: Random, stream: StreamSocket, sink: File): Promise<Moved> {
  const atOwn = random.chance(0.5);
  let bytes = 0;
  while (!stream.closed && !context.closing) {
    const early = context.earlyEnd(random, 0.3, false);
    const most = random.chance(0.3) ? { bytesMax: random.between(1, 3000) } : {};
    const ended = await context.end(
      "stream.pipeTo",
      stream.pipeTo(sink, { ...(!atOwn && { position: bytes }), ...most, ...early.options }),
      early.codes,
    );
    early.done();
    bytes += movedBy(ended);
    // All that it was allowed to move was not all there is.
    if (ended.ok && ended.value.bytesTransferred !== most.bytesMax) return { bytes, isBroken: false };
    if (!ended.ok && ENDS.has(ended.error.code)) break;
    if (!ended.ok) await context.pause(0.5);
  }
  // The other end would wait for ever for somebody to read.
  if (!stream.closed) await context.end("close", stream.close());
  return { bytes, isBroken: true };
}

function movedBy(ended: Ended<{ readonly bytesTransferred: number }>): number {
  return ended.ok ? ended.value.bytesTransferred : ((ended.error as BatonError).bytesTransferred ?? 0);
}

function check(
  context: Context,
  {
    sent,
    received,
    seed,
    path,
  }: { readonly sent: Moved; readonly received: Moved; readonly seed: number; path: string },
): void {
  if (context.closing) return;
  context.expect(received.bytes <= sent.bytes, () => `pipeTo: ${received.bytes} received of ${sent.bytes} sent`);
  const isWhole = !sent.isBroken && !received.isBroken;
  context.expect(!isWhole || received.bytes === sent.bytes, () => `pipeTo: ${received.bytes} of ${sent.bytes} arrived`);
  const copy = context.simulation.files.read(path).subarray(0, received.bytes);
  context.expect(
    copy.length === received.bytes,
    () => `pipeTo: the file has ${copy.length} of ${received.bytes} bytes`,
  );
  const mismatch = patternMismatch(copy, seed, 0);
  context.expect(mismatch < 0, () => `pipeTo: byte ${mismatch} is wrong`);
}
