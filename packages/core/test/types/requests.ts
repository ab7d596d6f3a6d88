/** Requests and options that must not compile. See buffers.ts for how this is checked. */
import type { Backend, File, FileStat, Operation, Request, ResultOf, TcpListener, TcpStream } from "@baton-io/core";

interface Stage {
  readonly io: Backend;
  readonly file: File;
  readonly stream: TcpStream;
  readonly listener: TcpListener;
}

export function shapes({ io, file, stream, listener }: Stage): void {
  const buffer = io.buffers.take(8);
  // @ts-expect-error 2322: an operation that does not exist
  io.submit({ opcode: "reed", file, buffer });
  // @ts-expect-error 2322: one that core keeps to itself
  io.submit({ opcode: "cancel" });
  // @ts-expect-error 2322: one that has a method instead
  io.submit({ opcode: "close", file });
  // @ts-expect-error 2345: a read without a buffer
  io.submit({ opcode: "read", file });
  // @ts-expect-error 2345: a read without a file
  io.submit({ opcode: "read", buffer });
  // @ts-expect-error 2353: a receive from a file
  io.submit({ opcode: "receive", file, buffer });
  // @ts-expect-error 2322: a listener where a connection belongs
  io.submit({ opcode: "send", stream: listener, buffer });
  // @ts-expect-error 2739: a connection where a listener belongs
  io.submit({ opcode: "accept", listener: stream });
  // @ts-expect-error 2345: a timer without a delay
  io.submit({ opcode: "timer" });
  // @ts-expect-error 2554: no request at all
  io.submit();
  io.submit({ opcode: "shutdown", stream, how: "both" });
}

export function misspelt({ io, file, stream, listener }: Stage): void {
  const buffer = io.buffers.take(8);
  // @ts-expect-error 2322: postion
  io.submit({ opcode: "read", file, buffer, postion: 0 });
  // @ts-expect-error 2322: a position where there is none
  io.submit({ opcode: "send", stream, buffer, position: 0 });
  // @ts-expect-error 2322: hwo
  io.submit({ opcode: "shutdown", stream, hwo: 1 });
  // @ts-expect-error 2322: a path for an open file's metadata, misspelt
  io.submit({ opcode: "stat", file, folowLinks: 1 });
  // @ts-expect-error 2322: in a batch
  void io.batch([{ opcode: "timer", afterMs: 1, timeoutms: 5 }]);
  // @ts-expect-error 2561: postion
  void file.read(buffer, { postion: 0 });
  // @ts-expect-error 2561: lenght
  void stream.receive(buffer, { lenght: 4 });
  // @ts-expect-error 2561: timeoutms
  void listener.accept({ timeoutms: 5 });
  // @ts-expect-error 2561: followlinks
  void io.stat("/", { followlinks: true });
  // @ts-expect-error 2769: reuseport
  void io.listen({ reuseport: true });
  // @ts-expect-error 2769: hots
  void io.connect({ port: 1, hots: "::1" });
  // @ts-expect-error 2561: deadlinems
  void io.close({ deadlinems: 5 });
}

export function values({ io, file, stream }: Stage): void {
  const buffer = io.buffers.take(8);
  // @ts-expect-error 2345: flags that fs.open does not have
  void io.openFile("/", "rw");
  // @ts-expect-error 2345: a direction that does not exist
  void stream.shutdown("write");
  // @ts-expect-error 2322: what an abort does has two values
  void file.read(buffer, { onAbort: "ignore" });
  // @ts-expect-error 2322: positions are numbers
  void file.read(buffer, { position: 0n });
  // @ts-expect-error 2740: a signal, not its controller
  void file.read(buffer, { signal: new AbortController() });
  // @ts-expect-error 2769: a connection needs a port
  void io.connect({ host: "::1" });
  // @ts-expect-error 2345: paths are text or bytes
  void io.openFile(new URL("file:///"));
  // @ts-expect-error 2379: undefined is not the same as absent
  void file.read(buffer, { position: undefined });
}

/** `A` and `B` are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

export async function results({ io, file, stream, listener }: Stage): Promise<void> {
  const buffer = io.buffers.take(8);
  const read = await io.submit({ opcode: "read", file, buffer }).done;
  // @ts-expect-error 2339: a read writes nothing
  read.bytesWritten.toFixed();
  const sent = await io.submit({ opcode: "send", stream, buffer }).done;
  // @ts-expect-error 2339: a send receives nothing
  sent.bytesReceived.toFixed();
  const [nop, stat, accepted] = await io.batch([
    { opcode: "nop" },
    { opcode: "stat", path: "/" },
    { opcode: "accept", listener },
  ]);
  // @ts-expect-error 2339: a result may be a rejected one
  stat.value.isFile();
  if (nop.status === "fulfilled") {
    // @ts-expect-error 18048: a nop has no result
    nop.value.toString();
  }
  if (stat.status === "fulfilled") stat.value.isFile();
  if (accepted.status === "fulfilled") await accepted.value.close();

  const open: Same<ResultOf<{ opcode: "open"; path: string }>, File> = true;
  const metadata: Same<ResultOf<{ opcode: "stat"; file: File }>, FileStat> = true;
  const connection: Same<ResultOf<{ opcode: "accept"; listener: TcpListener }>, TcpStream> = true;
  const nothing: Same<ResultOf<{ opcode: "fsync"; file: File }>, undefined> = true;
  // @ts-expect-error 2322: the comparison itself can fail
  const wrong: Same<ResultOf<{ opcode: "open"; path: string }>, TcpStream> = true;
  void [open, metadata, connection, nothing, wrong];
}

export async function outcomes(operation: Operation<unknown>): Promise<void> {
  const answer = await operation.cancel();
  // @ts-expect-error 2367: canceled has one l
  if (answer === "cancelled") return;
  // @ts-expect-error 2367: an outcome that does not exist
  if (operation.outcome === "failed") return;
  // @ts-expect-error 2367: a free slot is no state of an operation
  if (operation.state === "free") return;
  // @ts-expect-error 2540: an id is not set
  operation.id = 7;
}

/** Every request there is has a name here; one that is added and forgotten does not compile. */
export function nameOf(request: Request): string {
  switch (request.opcode) {
    case "nop":
    case "timer":
    case "open":
    case "stat":
    case "read":
    case "write":
    case "fsync":
    case "fdatasync":
    case "unlink":
    case "rename":
    case "mkdir":
    case "hardlink":
    case "symlink":
    case "allocate":
    case "advise":
    case "poll":
    case "receiveMessage":
    case "sendMessage":
    case "readv":
    case "writev":
    case "truncate":
    case "accept":
    case "receive":
    case "send":
    case "shutdown":
      return request.opcode;
    default: {
      const never: never = request;
      return never;
    }
  }
}

export function forgotten(request: Request): string {
  switch (request.opcode) {
    case "nop":
      return "nop";
    default: {
      // @ts-expect-error 2322: requests that were forgotten
      const never: never = request;
      return never;
    }
  }
}
