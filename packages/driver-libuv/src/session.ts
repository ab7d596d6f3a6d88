/** The driver at work for one backend: reads submissions, hands each to the runtime, delivers completions. */
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import {
  allocateSharedMemory,
  type Capabilities,
  createHeapMemory,
  type DriverCloseReport,
  type DriverHost,
  type DriverLimits,
  type DriverSession,
  ERRNO,
  type HeapMemory,
  type InterfaceIndex,
  linuxInterfaceIndex,
  MESSAGE_FLAGS_AT,
  MESSAGE_VECTOR_AT,
  OPCODE,
  type OpenConstants,
  opcodeNames,
  PROVIDED_MAX,
  type ProvidedBuffer,
  RecordCheck,
  runtimeName,
  type SharedMemory,
  SUBMIT_FLAG,
} from "@baton-io/core/driver";
import type { RecordAddress } from "./address-record.js";
import { type AdoptHost, adopt } from "./adopt.js";
import { capabilities } from "./capabilities.js";
import type { Datagram } from "./datagram.js";
import { type CompletionExtras, Deliver } from "./deliver.js";
import type { FileHandle } from "./file-handle.js";
import { FileOperations } from "./file-operations.js";
import { HandleTable } from "./handles.js";
import { quietly } from "./in-any-case.js";
import type { Listener } from "./listener.js";
import { openConstants } from "./open-file.js";
import { isPathCall, PathOperations } from "./path-operations.js";
import { Pending } from "./pending.js";
import { readSubmission, type Submission } from "./record-reader.js";
import { type SocketHost, SocketOperations } from "./socket-operations.js";
import type { Stream } from "./stream.js";
import { errnoOf } from "./system-error.js";
import { startTimer } from "./timer.js";
import { Vectors } from "./vector.js";

type Handle = FileHandle | Stream | Listener | Datagram;

/** The submission flags that mean something here. */
const FLAGS_KNOWN = SUBMIT_FLAG.providedBuffer;

/** By opcode: what the driver declares that it cannot do. */
const isUnsupported: readonly boolean[] = opcodeNames.map(
  (name) => capabilities.operations[name].kind === "unsupported",
);

export class LibuvSession implements DriverSession, SocketHost {
  readonly shared: SharedMemory;
  readonly capabilities: Capabilities = capabilities;
  readonly openConstants: OpenConstants = openConstants;
  /** The runtime tells of servers and datagram sockets in `process.nextTick`. */
  readonly sinkWithoutTurn: boolean = true;
  readonly interfaceIndex: InterfaceIndex = linuxInterfaceIndex((path) => readFileSync(path, "latin1"));
  // Elsewhere the runtime's own calls refuse memory that can be resized.
  readonly memory: HeapMemory = createHeapMemory({ ownPages: runtimeName(process.versions) === "node" });
  readonly #records: Int32Array;
  readonly #submissions: Int32Array;
  readonly #check: RecordCheck;
  /** Buffers that a receive may take, and their numbers. */
  readonly #provided: ProvidedBuffer[] = [];
  readonly #providedNumbers = new Set<number>();
  readonly #handles = new HandleTable<Handle>();
  /** Adoptions under way: the descriptor is the session's from the beginning, so that nobody else adopts it as well. */
  readonly #adopting = new Set<Submission>();
  readonly #pending = new Pending(
    (submission) => this.#bytesOf(submission),
    (submission, error) => this.#fail(submission, error),
  );
  readonly #deliver: Deliver;
  readonly #vectors: Vectors;
  readonly #messageFlags: DataView;
  readonly #paths: PathOperations;
  readonly #files: FileOperations;
  readonly #sockets: SocketOperations;
  #closed = false;

  constructor(host: DriverHost, limits: DriverLimits) {
    this.shared = allocateSharedMemory(limits);
    this.#records = new Int32Array(this.shared.records);
    this.#submissions = new Int32Array(this.shared.submissions);
    this.#check = new RecordCheck(this.shared, this.memory);
    this.#deliver = new Deliver(host, this.shared, limits);
    this.#vectors = new Vectors(this.shared.arena, this.memory);
    this.#messageFlags = new DataView(this.shared.arena);
    const complete = (submission: Submission, result: number, extras?: CompletionExtras) =>
      this.#complete(submission, result, extras);
    this.#paths = new PathOperations({ complete, arena: this.shared.arena });
    this.#files = new FileOperations({
      complete,
      addHandle: (handle) => (this.#closed ? undefined : this.#handles.add(handle)),
      view: (submission) => this.view(submission),
      views: ({ arenaOffset, vectorCount }) => this.#vectors.views(arenaOffset, vectorCount),
      path: (submission) => this.#paths.path(submission),
      arena: this.shared.arena,
    });
    this.#sockets = new SocketOperations(this, this.shared.arena);
  }

  submit(count: number): number {
    this.#takeProvided();
    this.#deliver.beginSubmit();
    for (let index = 0; index < count; index++) {
      const slot = this.#submissions[index]!;
      if (!this.#check.expectFree(slot, this.#pending.has(slot))) continue;
      const submission = readSubmission(this.#records, slot);
      try {
        this.#begin(submission);
      } catch (error) {
        // What the runtime throws instead of telling it later (a missing permission, a value out of range) is the
        // operation's own result; the others of the batch have nothing to do with it.
        this.#fail(submission, error);
      }
    }
    this.#deliver.endSubmit();
    return count;
  }

  async close(deadlineMs: number): Promise<DriverCloseReport> {
    this.#pending.cancelAll();
    for (const handle of this.#handles.values()) if (handle.kind === "stream") quietly(() => handle.cut());
    await this.#pending.settled(deadlineMs);
    const report = { unconfirmedOperations: this.#pending.count, quarantinedBytes: this.#pending.bytes };
    // From here on nothing is delivered; what the thread pool still runs keeps its own buffer alive until it ends, and
    // what it opens then is closed at once.
    this.#closed = true;
    this.#deliver.close();
    for (const handle of this.#handles.values()) {
      if (handle.kind === "file") this.#files.discard(handle);
      else quietly(() => handle.close(() => undefined));
    }
    return report;
  }

  async lookup(host: string): Promise<readonly string[]> {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  }

  // --- for streams and listeners ----------------------------------------------------------------------------------

  complete(submission: Submission, result: number, provided?: number): void {
    this.#complete(
      submission,
      result,
      provided === undefined ? undefined : { auxiliary: provided, providedBuffer: true },
    );
  }

  completeWithHandle(submission: Submission, value: Stream | Listener | Datagram): void {
    if (this.#closed) return value.close(() => undefined);
    const id = this.#handles.add(value);
    this.#complete(submission, id.index, { auxiliary: id.generation });
  }

  setCancel(submission: Submission, cancel: (() => void) | undefined): void {
    this.#pending.setCancel(submission, cancel);
  }

  view({ buffer, bufferOffset, length }: Submission): Uint8Array {
    return this.memory.view(buffer, bufferOffset, length);
  }

  provide(length: number): { number: number; bytes: Uint8Array } | undefined {
    for (let buffer = this.#provided.pop(); buffer !== undefined; buffer = this.#provided.pop()) {
      const { number, bytes } = buffer;
      this.#providedNumbers.delete(number);
      // It may have been freed since it was provided.
      if (this.memory.lengthOf(number) < bytes) continue;
      return { number, bytes: this.memory.view(number, 0, Math.min(length, bytes)) };
    }
    return undefined;
  }

  messageViews({ arenaOffset, vectorCount }: Submission): Uint8Array[] {
    return this.#vectors.views(arenaOffset + MESSAGE_VECTOR_AT, vectorCount);
  }

  messageAddress(submission: Submission): RecordAddress {
    return this.#sockets.addressIn(submission);
  }

  answerMessage(submission: Submission, from: { address: string; port: number }, flags: number): void {
    this.#sockets.answer(submission, from);
    this.#messageFlags.setInt32(submission.arenaOffset + MESSAGE_FLAGS_AT, flags, true);
  }

  // --- one submission ---------------------------------------------------------------------------------------------

  #begin(submission: Submission): void {
    const { opcode } = submission;
    const wrong = this.#check.check(submission.slot);
    if (wrong < 0) return this.#deliver.complete(submission, wrong);
    // A flag of a feature that is declared to be lacking is refused, not passed over.
    if ((submission.flags & ~FLAGS_KNOWN) !== 0) return this.#deliver.complete(submission, -ERRNO.ENOTSUP);
    if (opcode === OPCODE.nop) return this.#deliver.complete(submission, 0);
    if (opcode === OPCODE.cancel) {
      return this.#deliver.complete(submission, this.#pending.cancel(submission.argument0, submission.argument1));
    }
    this.#pending.add(submission);
    if (isUnsupported[opcode]) return this.#complete(submission, -ERRNO.ENOTSUP);
    switch (opcode) {
      case OPCODE.open:
        return this.#open(submission);
      case OPCODE.adopt:
        return this.#adopt(submission);
      case OPCODE.listen:
        return this.#sockets.listen(submission);
      case OPCODE.connect:
        return this.#sockets.connect(submission);
      case OPCODE.datagram:
        return this.#sockets.datagram(submission);
      case OPCODE.timer:
        return startTimer(this, submission);
      case OPCODE.close:
        return this.#close(submission);
      case OPCODE.stat:
        if (submission.argument0 !== 0) return this.#files.statPath(submission);
    }
    if (isPathCall(opcode)) return this.#paths.begin(submission);
    const handle = this.#handles.find(submission.handle);
    if (handle === undefined) this.#complete(submission, -ERRNO.EBADF);
    else if (handle.kind === "file") this.#files.begin(submission, handle);
    else if (opcode === OPCODE.address) this.#sockets.address(submission, handle);
    else if (handle.kind === "stream") this.#beginOnStream(submission, handle);
    else if (handle.kind === "datagram") this.#beginOnDatagram(submission, handle);
    else if (opcode === OPCODE.accept) handle.accept(submission);
    else this.#complete(submission, opcode === OPCODE.shutdown ? -ERRNO.ENOTCONN : -ERRNO.EINVAL);
  }

  #adopt(submission: Submission): void {
    if (this.#hasDescriptor(submission.argument0)) return this.#complete(submission, -ERRNO.EBUSY);
    this.#adopting.add(submission);
    adopt(this.#adoptHost(), submission);
  }

  #adoptHost(): AdoptHost {
    const isClosed = () => this.#closed;
    return {
      complete: (submission, result, extras) => this.#complete(submission, result, extras),
      get isClosed() {
        return isClosed();
      },
      addFile: (handle) => this.#handles.add(handle),
      addStream: (submission, socket, path) => this.#sockets.adoptStream(submission, socket, path),
      addListener: (submission, server, path) => this.#sockets.adoptListener(submission, server, path),
      arena: this.shared.arena,
    };
  }

  #hasDescriptor(fd: number): boolean {
    for (const { argument0 } of this.#adopting) if (argument0 === fd) return true;
    for (const handle of this.#handles.values()) {
      if (
        handle.kind === "file"
          ? handle.fd === fd || handle.original === fd
          : handle.kind !== "datagram" && handle.fd === fd
      )
        return true;
    }
    return false;
  }

  #open(submission: Submission): void {
    if (submission.handle.index < 0) return this.#files.open(submission, undefined);
    const begun = this.#handles.find(submission.handle);
    if (begun?.kind !== "file") return this.#complete(submission, -ERRNO.EBADF);
    this.#files.open(submission, begun);
  }

  /** Bytes of buffers that the operation holds. */
  #bytesOf({ opcode, buffer, length, arenaOffset, vectorCount }: Submission): number {
    if (vectorCount === 0) return buffer < 0 ? 0 : length;
    const isMessage = opcode === OPCODE.sendMessage || opcode === OPCODE.receiveMessage;
    return this.#vectors.bytes(isMessage ? arenaOffset + MESSAGE_VECTOR_AT : arenaOffset, vectorCount);
  }

  #beginOnStream(submission: Submission, stream: Stream): void {
    switch (submission.opcode) {
      case OPCODE.receive:
        return stream.receive(submission);
      case OPCODE.send:
        return stream.send(submission, [this.view(submission)]);
      case OPCODE.sendMessage:
        // Nobody but the peer can be sent to.
        if (this.messageAddress(submission).kind !== "none") return this.#complete(submission, -ERRNO.EISCONN);
        return stream.send(submission, this.messageViews(submission));
      case OPCODE.shutdown:
        return stream.shutdown(submission, submission.argument0);
      default:
        this.#complete(submission, -ERRNO.EINVAL);
    }
  }

  #beginOnDatagram(submission: Submission, datagram: Datagram): void {
    switch (submission.opcode) {
      case OPCODE.receiveMessage:
        return datagram.receive(submission);
      case OPCODE.sendMessage:
        return datagram.send(submission);
      case OPCODE.shutdown:
        return this.#complete(submission, -ERRNO.ENOTCONN);
      case OPCODE.accept:
        return this.#complete(submission, -ERRNO.ENOTSUP);
      default:
        this.#complete(submission, -ERRNO.EINVAL);
    }
  }

  #close(submission: Submission): void {
    const handle = this.#handles.remove(submission.handle);
    if (handle === undefined) this.#complete(submission, -ERRNO.EBADF);
    else if (handle.kind === "file") this.#files.close(submission, handle);
    else handle.close(() => this.#complete(submission, 0));
  }

  /** Something was thrown that is the operation's own answer, unless it has had one. Where it waits, it waits no longer. */
  #fail(submission: Submission, error: unknown): void {
    if (!this.#end(submission)) return;
    this.#deliver.complete(submission, errnoOf(error));
    quietly(() => submission.cancel?.());
  }

  #complete(submission: Submission, result: number, extras?: CompletionExtras): void {
    // An operation that was canceled may be told of its end again by the runtime.
    if (this.#end(submission)) this.#deliver.complete(submission, result, extras);
  }

  /** False when it had ended before. */
  #end(submission: Submission): boolean {
    this.#adopting.delete(submission);
    return this.#pending.remove(submission);
  }

  #takeProvided(): void {
    this.#check.takeProvided(
      PROVIDED_MAX - this.#provided.length,
      (number) => this.#providedNumbers.has(number),
      (buffer) => {
        this.#providedNumbers.add(buffer.number);
        this.#provided.push(buffer);
      },
    );
  }
}
