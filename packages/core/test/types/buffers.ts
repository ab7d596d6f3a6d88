/**
 * Misuse of buffers that must not compile. Each line after an expectation is an error with exactly this code; the test
 * beside this file checks that it is.
 */
import {
  type Backend,
  type BufferSlice,
  type File,
  type LentBuffer,
  OwnedBuffer,
  release,
  type TcpStream,
} from "@baton-io/core";

export async function lent(io: Backend, file: File, stream: TcpStream): Promise<void> {
  const buffer = io.buffers.take(64);
  const operation = io.submit({ opcode: "read", file, buffer });
  const held: LentBuffer = operation.buffer!;
  // @ts-expect-error 2339: the bytes of a lent buffer
  held.bytes.fill(0);
  // @ts-expect-error 2339: a lent buffer cannot be released
  held.release();
  // @ts-expect-error 2339: nor cut
  held.slice(0, 1);
  // @ts-expect-error 2345: nor lent to a read
  await file.read(held);
  // @ts-expect-error 2345: nor to a write
  await file.writeFull(held);
  // @ts-expect-error 2769: nor to a receive
  await stream.receive(held);
  // @ts-expect-error 2345: nor to a send
  await stream.send(held);
  // @ts-expect-error 2322: nor submitted
  io.submit({ opcode: "write", file, buffer: held });
  // @ts-expect-error 2322: nor be one of several
  await file.readv([held]);
  // What may be asked of it.
  const state: "owned" | "lent" | "returning" | "released" = held.state;
  const { buffer: home } = await operation.done;
  home.bytes.fill(0);
  home.release();
  void state;
}

export async function released(io: Backend, file: File, stream: TcpStream): Promise<void> {
  const buffer = io.buffers.take(64);
  release(buffer);
  // @ts-expect-error 2345: a read into a released buffer
  await file.read(buffer);
  // @ts-expect-error 2345: into all of it
  await file.readFull(buffer);
  // @ts-expect-error 2345: a write from it
  await file.write(buffer);
  // @ts-expect-error 2345: of all of it
  await file.writeFull(buffer);
  // @ts-expect-error 2769: a receive into it
  await stream.receive(buffer);
  // @ts-expect-error 2345: a send from it
  await stream.send(buffer);
  // @ts-expect-error 2345: a read into it and another
  await file.readv([io.buffers.take(8), buffer]);
  // @ts-expect-error 2345: a write from it and another
  await file.writev([buffer, io.buffers.take(8)]);
  // @ts-expect-error 2345: submitting it in a list
  io.submit({ opcode: "readv", file, buffers: [buffer] });
  // @ts-expect-error 2345: submitting it
  io.submit({ opcode: "read", file, buffer });
  // @ts-expect-error 2322: in a batch
  await io.batch([{ opcode: "send", stream, buffer }]);
  const gone = io.buffers.take(64).release();
  // @ts-expect-error 2339: its bytes
  gone.bytes.fill(0);
  // @ts-expect-error 2339: releasing it again
  gone.release();
  // @ts-expect-error 2345: reading into it
  await file.read(gone);
}

export function parts(io: Backend): void {
  const buffer = io.buffers.take(64);
  const part = buffer.slice(0, 8);
  // @ts-expect-error 2339: a part cannot be released
  part.release();
  // @ts-expect-error 2540: lengths do not change
  buffer.length = 4;
  // @ts-expect-error 2540: states are not set
  buffer.state = "owned";
  // @ts-expect-error 2673: buffers come from the pool
  new OwnedBuffer();
  // @ts-expect-error 2367: a state that does not exist
  if (buffer.state === "borrowed") buffer.release();
  part.slice(1).bytes.fill(0);
}

export async function foreign(io: Backend, file: File, stream: TcpStream): Promise<void> {
  // @ts-expect-error 2345: plain memory is not an owned buffer
  await file.read(new Uint8Array(64));
  // @ts-expect-error 2345: nor is an ArrayBuffer
  await stream.send(new ArrayBuffer(64));
  // @ts-expect-error 2345: adopting memory that other threads write to
  io.buffers.adopt(new SharedArrayBuffer(8));
  // @ts-expect-error 2322: an option that has two values
  io.buffers.adopt(new ArrayBuffer(8), { partial: "yes" });
  // @ts-expect-error 2345: a number is no source
  io.buffers.copyFrom(7);
}

export async function several(io: Backend, file: File): Promise<void> {
  const [head, body] = [io.buffers.take(8), io.buffers.take(64)];
  const { bytesRead, buffers } = await file.readv([head, body.slice(0, 8)], { position: 0 });
  const both: readonly [OwnedBuffer, BufferSlice] = buffers;
  // @ts-expect-error 2339: a part cannot be released, in a list either
  buffers[1].release();
  // @ts-expect-error 2493: there are two of them
  void buffers[2];
  // @ts-expect-error 2353: a list has no part
  await file.writev([head, body], { length: bytesRead });
  // @ts-expect-error 2345: one buffer is no list
  await file.writev(head);
  const list: OwnedBuffer[] = [head, body];
  const { bytesWritten } = await file.writev([...list, head]);
  void (both.length + bytesWritten);
}

export async function provided(stream: TcpStream): Promise<void> {
  const result = await stream.receive();
  // @ts-expect-error 18048: at the end there is no buffer
  result.buffer.release();
  if (result.buffer !== undefined) result.buffer.release();
}
