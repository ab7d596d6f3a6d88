/** A connection on which nothing comes: a receive with a deadline ends at it, and takes nothing along. */
import type { TcpStream } from "@baton-io/core";
import type { Random } from "../random.js";
import type { Context } from "./context.js";

/** A deadline may be met late, because everything takes its time; not so late. */
const LATE_MS_MAX = 3000;

export async function idleActor(context: Context, random: Random): Promise<void> {
  const { io } = context;
  const listener = await context.insist("listen", () => io.listen({ port: 0 }));
  if (listener === undefined) return;
  const far = await context.insist("connect", () => io.connect({ port: listener.address.port }));
  // The connection may have been broken meanwhile: then there is nothing to accept.
  const accepted = await context.end("accept", listener.accept({ timeoutMs: 50 }), ["ERR_TIMEOUT"]);
  const near = accepted.ok ? accepted.value : undefined;
  if (near !== undefined) {
    for (let round = random.between(1, 3); round > 0 && !near.closed && !context.closing; round--) {
      await waitInVain(context, random, near);
    }
  }
  for (const stream of [near, far]) {
    if (stream !== undefined && !stream.closed) await context.end("close", stream.close());
  }
  if (!listener.closed) await context.end("close", listener.close());
}

async function waitInVain(context: Context, random: Random, stream: TcpStream): Promise<void> {
  const buffer = await context.take(100);
  if (buffer === undefined) return;
  const timeoutMs = random.between(1, 20);
  const startMs = context.nowMs;
  const ended = await context.end("receive in vain", stream.receive(buffer, { timeoutMs }), ["ERR_TIMEOUT"]);
  const tookMs = context.nowMs - startMs;
  context.expectHome("receive in vain", buffer);
  context.letGo(buffer);
  if (ended.ok || ended.error.code !== "ERR_TIMEOUT") return;
  context.expect(tookMs >= timeoutMs - 1e-6, () => `receive: timed out after ${tookMs} of ${timeoutMs} ms`);
  context.expect(tookMs < timeoutMs + LATE_MS_MAX, () => `receive: timed out after ${tookMs}, not ${timeoutMs} ms`);
}
