/** Sending and receiving whole texts, for cases that are about something else. */
import type { Backend } from "../../backend.js";
import type { TcpStream } from "../../resource/tcp-stream.js";

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
