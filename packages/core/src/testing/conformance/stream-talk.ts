/** Sending and receiving whole texts, for cases that are about something else. */
import type { Backend, TcpStream } from "@baton-io/core";
import type { CaseContext, Pair } from "./context.js";
import { rejects } from "./expect.js";

/** Sends a text. */
export async function sendText(io: Backend, stream: TcpStream, text: string): Promise<void> {
  using buffer = io.buffers.copyFrom(text);
  await stream.send(buffer);
}

/** Sends bytes. */
export async function sendBytes(io: Backend, stream: TcpStream, bytes: Uint8Array): Promise<void> {
  using buffer = io.buffers.copyFrom(bytes);
  await stream.send(buffer);
}

/** Receives `count` bytes, or all that come before the peer ends its side. */
export async function receiveBytes(
  io: Backend,
  stream: TcpStream,
  count: number = Number.POSITIVE_INFINITY,
  chunkBytes = 65_536,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  using buffer = io.buffers.take(chunkBytes);
  let received = 0;
  while (received < count) {
    const { bytesReceived } = await stream.receive(buffer, { length: Math.min(chunkBytes, count - received) });
    if (bytesReceived === 0) break;
    chunks.push(buffer.bytes.slice(0, bytesReceived));
    received += bytesReceived;
  }
  const bytes = new Uint8Array(received);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Receives text until the peer ends its side. */
export async function receiveAll(io: Backend, stream: TcpStream): Promise<string> {
  return new TextDecoder().decode(await receiveBytes(io, stream));
}

/**
 * Sends a text that an abandoned receive gets, so that it is kept for the next one. Leaves an orphan behind, which the
 * case has to expect.
 */
export async function keepText(context: CaseContext, { near, far }: Pair, text: string): Promise<void> {
  const operation = context.io.submit({ opcode: "receive", stream: near, buffer: context.io.buffers.take(64) });
  await context.untilTaken(operation);
  operation.abandon();
  const abandoned = rejects(operation.done, "ERR_OPERATION_ABANDONED");
  await sendText(context.far, far, text);
  await abandoned;
  await context.until(() => context.io.inspect().orphans.inFlight === 0, "the orphan to end");
}
