/**
 * The middle of a backend: takes an operation from its request to the settled promise. Resources call `begin`, fill
 * in the submission record, lend a buffer and `launch`; completions come back through `final` and `more`.
 */

import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";
import { ERRNO } from "../base/errno.js";
import { batonError } from "../base/errors.js";
import type { AcceptPaused } from "../base/notices.js";
import { Arena, type ArenaLayout } from "../memory/arena.js";
import type { BufferPool } from "../memory/buffer-pool.js";
import { blockOf, lendBuffer, type OwnedBuffer } from "../memory/owned-buffer.js";
import { type Capabilities, type FeatureName, isSupported } from "../spi/capability.js";
import type { DriverHost, DriverSession } from "../spi/driver.js";
import { OPCODE, opcodeNames } from "../spi/opcode.js";
import { BEGUN_WORD, COMPLETION_FLAG, SUBMIT_FLAG, TRANSFER_BYTES_MAX, WORD } from "../spi/record.js";
import { Admission } from "./admission.js";
import { Areas } from "./areas.js";
import { Canceler } from "./cancel.js";
import { CompletionSink, type CompletionTarget } from "./completion.js";
import { FLUSH_PORTION, Flush } from "./flush.js";
import { SendJoiner } from "./joined-sends.js";
import { type Kept, Lane, type LaneHost } from "./lane.js";
import { EVENT, isWithDriver, STATE } from "./lifecycle.js";
import { defineKind, type OperationKind } from "./operation-kind.js";
import { type CancelCause, type Entry, type EntryExtras, OperationTable } from "./operation-table.js";
import { OrphanLedger } from "./orphan.js";
import type { OwnPosition } from "./own-position.js";
import { Pace } from "./pace.js";
import { ProvidedBuffers } from "./provided-buffers.js";
import { rejectWaiting } from "./rejection.js";
import type { ResourceState } from "./resource-state.js";
import { earlyCause, settleCanceledEarly, settleFinal, settleInTurn } from "./settle.js";
import { StandingSubmissions } from "./standing.js";
import { SubmissionQueue } from "./submission-queue.js";
import { expectReturnOfAll, giveBackAll, lentMemory } from "./vector.js";

/** What every operation can be given beside its own options. */
export interface OperationOptions {
  /** Aborting it cancels the operation, which then rejects with `AbortError` (`ABORT_ERR`). */
  readonly signal?: AbortSignal;
  /** Cancels the operation after so many milliseconds; it then rejects with `ERR_TIMEOUT`, unless it won the race. */
  readonly timeoutMs?: number;
  /**
   * What an abort does. `"cancel"` (default): the promise settles when the kernel has let go of the buffer.
   * `"abandon"`: it rejects at once, and buffer and handle are taken care of in the background.
   */
  readonly onAbort?: "cancel" | "abandon";
}

/** A turn in a lane that is no operation of the driver's. */
const turnKind = defineKind("nop", {});

/** Delays before an operation that got `-EAGAIN` is tried again, ms: doubled each time, up to the last. */
const AGAIN_DELAY_MS_MAX = 64;

export class Dispatcher implements CompletionTarget, LaneHost {
  readonly driverName: string;
  readonly session: DriverSession;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly table: OperationTable;
  readonly records: Int32Array;
  readonly arena: Arena;
  readonly orphans: OrphanLedger = new OrphanLedger();
  /** How many go to the driver, and who waits for that. */
  readonly admission: Admission;
  /** How long this goes on before the event loop turns. */
  readonly pace: Pace;
  readonly flush: Flush;
  readonly canceler: Canceler;
  readonly buffers: BufferPool;
  /** Buffers handed to the driver for `receive()` without a buffer. */
  readonly provided: ProvidedBuffers;
  /** Submissions that deliver while nobody waits. */
  readonly standing: StandingSubmissions;
  /** What goes on between operations: a look-up of a name, or a transfer of many steps. */
  #asides = 0;
  /** Set while the backend closes: nothing new begins. */
  closed = false;
  /** Told when the backend begins to close: waits of callers that no operation stands for. */
  readonly onClosing: Set<() => void> = new Set();
  readonly onAcceptPaused: ((pause: AcceptPaused) => void) | undefined;
  /** Set once the session is closed: the driver has no handle any more. */
  ended = false;
  /** By opcode: 1 where the driver has no such operation. */
  readonly #unsupported: Uint8Array;
  readonly #queue: SubmissionQueue;
  readonly #sink: CompletionSink;
  readonly #sendJoiner: SendJoiner;
  readonly #areas: Areas;
  #onIdle: (() => void) | undefined = undefined;

  constructor(parts: {
    driverName: string;
    openSession: (host: DriverHost) => DriverSession;
    clock: Clock;
    counters: Counters;
    operationsMax: number;
    acceptedMax: number;
    slots: number;
    arena: ArenaLayout;
    createPool: (session: DriverSession) => BufferPool;
    receiveBufferBytes: number;
    receiveBuffersMax: number;
    onAcceptPaused: ((pause: AcceptPaused) => void) | undefined;
  }) {
    this.driverName = parts.driverName;
    this.clock = parts.clock;
    this.counters = parts.counters;
    this.onAcceptPaused = parts.onAcceptPaused;
    this.standing = new StandingSubmissions(parts.clock);
    this.table = new OperationTable(parts.acceptedMax, parts.slots);
    this.admission = new Admission(parts.operationsMax, this.counters, (entry) => this.#go(entry));
    this.pace = new Pace(this.clock, this.counters);
    this.#queue = new SubmissionQueue(this.table);
    this.session = parts.openSession({ sink: (count) => this.#sinkCalled(count) });
    const { shared } = this.session;
    this.records = new Int32Array(shared.records);
    this.arena = new Arena(shared.arena, parts.arena);
    this.#areas = new Areas(this.arena, this.records, (entry) => this.#enqueue(entry));
    this.#sink = new CompletionSink(shared.completions, this.table, this, this.counters);
    this.flush = new Flush({
      session: this.session,
      queue: this.#queue,
      table: this.table,
      sink: this.#sink,
      clock: this.clock,
      counters: this.counters,
      pace: this.pace,
      refused: (entry) => this.canceler.keepTime(entry),
      faulted: (entry, error) => this.#giveUp(entry, this.#fault(entry, error), "close"),
    });
    this.canceler = new Canceler(this);
    this.#sendJoiner = new SendJoiner(this);
    this.buffers = parts.createPool(this.session);
    this.provided = new ProvidedBuffers({
      pool: this.buffers,
      provided: shared.provided,
      control: shared.control,
      bufferBytes: parts.receiveBufferBytes,
      countMax: parts.receiveBuffersMax,
      clock: this.clock,
      launch: (entry) => this.#enqueue(entry),
    });
    this.buffers.onHome = (block) => this.provided.cameHome(block);
    const { operations } = this.session.capabilities;
    this.#unsupported = Uint8Array.from(opcodeNames, (name) => (isSupported(operations[name]) ? 0 : 1));
  }

  get capabilities(): Capabilities {
    return this.session.capabilities;
  }

  createLane(kept?: Kept): Lane {
    return new Lane(this, kept);
  }

  join(lane: Lane, first: Entry): Entry | undefined {
    return this.#sendJoiner.join(lane, first);
  }

  // --- beginning an operation -------------------------------------------------------------------------------------

  /**
   * A slot for an operation, with the constant words of its record written. Follow up with `start` or `drop`.
   * Throws `ERR_BACKEND_CLOSED`, `ERR_UNSUPPORTED`, `ERR_OPERATION_LIMIT`.
   */
  begin(kind: OperationKind, resource: ResourceState | undefined): Entry {
    if (this.closed || this.#unsupported[kind.opcode] === 1) throw this.#notReady(kind);
    // Checked before, but reading a caller's options may run code of the caller, which may close it.
    if (resource !== undefined && resource.phase !== "open") resource.expectOpen(kind.name);
    const entry = this.table.allocate(kind);
    this.counters.submitted++;
    this.#writeHead(entry, kind, resource);
    if (resource !== undefined) resource.enter(entry);
    return entry;
  }

  /** Throws `ERR_UNSUPPORTED` unless the driver has the feature, native or emulated. */
  expectFeature(where: string, name: FeatureName): void {
    const support = this.session.capabilities.features[name];
    if (support.kind !== "unsupported") return;
    throw batonError("ERR_UNSUPPORTED", `${where}: the driver ${this.driverName} does not have it: ${support.why}.`, {
      driver: this.driverName,
    });
  }

  #notReady(kind: OperationKind): Error {
    if (this.closed) return batonError("ERR_BACKEND_CLOSED", `${kind.name}: the backend is closed.`);
    const support = this.session.capabilities.operations[kind.name];
    const why = support.kind === "unsupported" ? support.why : "unknown";
    return batonError("ERR_UNSUPPORTED", `${kind.name}: the driver ${this.driverName} does not have it: ${why}.`, {
      driver: this.driverName,
    });
  }

  /** Like `begin`, out of the reserve that is kept for cancels. */
  beginReserved(kind: OperationKind): Entry | undefined {
    const entry = this.table.allocateReserved(kind);
    if (entry !== undefined) this.#writeHead(entry, kind, undefined);
    return entry;
  }

  /** Like `begin`, on core's own account; `undefined` when callers have all the slots. */
  beginSpare(kind: OperationKind): Entry | undefined {
    const entry = this.table.hasRoom ? this.beginReserved(kind) : undefined;
    if (entry !== undefined) this.counters.submitted++;
    return entry;
  }

  #writeHead(entry: Entry, kind: OperationKind, resource: ResourceState | undefined): void {
    const records = this.records;
    const base = entry.base;
    records[base + WORD.operation] = kind.opcode;
    records[base + WORD.generation] = entry.generation;
    records[base + WORD.handleIndex] = resource === undefined ? -1 : resource.handleIndex;
    records[base + WORD.handleGeneration] = resource === undefined ? 0 : resource.handleGeneration;
    records[base + WORD.buffer] = -1;
    records[base + WORD.arenaOffset] = -1;
    records[base + WORD.vectorCount] = 0;
  }

  /** Undoes `begin`, when what follows it was refused. */
  drop(entry: Entry): void {
    this.counters.submitted--;
    entry.advance(EVENT.cancel);
    if (entry.extras !== undefined) this.canceler.detach(entry.extras);
    giveBackAll(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    this.#areas.release(entry);
    this.table.release(entry);
  }

  /** Like `begin`, and lends `length` bytes from `start` of the buffer. What is refused leaves nothing behind. */
  beginWithBuffer(
    kind: OperationKind,
    resource: ResourceState,
    buffer: OwnedBuffer,
    start: number,
    length: number,
    exclusive: boolean,
  ): Entry {
    const entry = this.begin(kind, resource);
    try {
      const offset = lendBuffer(buffer, entry, start, length, exclusive);
      entry.buffer = buffer;
      const records = this.records;
      records[entry.base + WORD.buffer] = blockOf(buffer).number;
      records[entry.base + WORD.bufferOffset] = offset;
      records[entry.base + WORD.length] = Math.min(length, TRANSFER_BYTES_MAX);
    } catch (error) {
      this.drop(entry);
      throw error;
    }
    return entry;
  }

  /** Writes a signed number of up to 53 bits into the position words. */
  writePosition(entry: Entry, value: number): void {
    this.#writeWide(entry.base + WORD.positionLow, value);
  }

  /** The same, into the two arguments. */
  writeArguments(entry: Entry, value: number): void {
    this.#writeWide(entry.base + WORD.argument0, value);
  }

  /** Into two words, the low one first. */
  #writeWide(word: number, value: number): void {
    this.records[word] = value | 0;
    this.records[word + 1] = Math.floor(value / 0x1_0000_0000);
  }

  /**
   * Starts an operation that was begun: makes its promise, then sends it on its way, by its lane or through the
   * arena where it has such.
   */
  start<T>(entry: Entry): Promise<T> {
    const promise = new Promise<unknown>(capture) as Promise<T>;
    entry.promise = promise;
    entry.resolve = capturedResolve;
    entry.reject = capturedReject;
    // Or the last promise of all, and with it its result, could be reached for ever.
    capturedResolve = capturedReject = captureNothing;
    this.sendOff(entry);
    return promise;
  }

  /** Sends an operation on its way, by its lane where it has one. */
  sendOff(entry: Entry): void {
    // Asked to end while it was being made, by code of the caller's: it ends as it starts.
    const cause = entry.extras?.cause;
    if (cause !== undefined) this.endQueued(entry, cause);
    else if (entry.extras?.refusal !== undefined) this.settleLocally(entry, entry.extras.refusal);
    else if (entry.lane !== undefined) entry.lane.enter(entry);
    else this.launch(entry);
  }

  /**
   * Runs something that is not an operation all the time, and for whose length the backend is in use: it is not closed
   * between two steps, when nothing is in flight and something is still open.
   */
  async aside<T>(run: () => Promise<T>): Promise<T> {
    this.#asides++;
    try {
      return await run();
    } finally {
      this.#asides--;
      if (this.#onIdle !== undefined && !this.inUse) this.#onIdle();
    }
  }

  /** Prepares and starts an operation; what is thrown before there is a promise becomes a rejection. */
  run<T>(prepare: () => Entry): Promise<T> {
    try {
      return this.start<T>(prepare());
    } catch (error) {
      return this.refused(error);
    }
  }

  /** The rejection of what was refused. However many follow each other, the event loop has its turns. */
  refused<T>(error: unknown): Promise<T> {
    return new Promise((_resolve, reject) => this.pace.tell(() => reject(error)));
  }

  /** Sends an operation that may go now through the arena, where it needs that. */
  #go(entry: Entry): void {
    if (this.provided.mayHoldBack && this.#isHeldBack(entry)) return;
    if (entry.areaBytes === 0 || this.#areas.enter(entry)) this.#enqueue(entry);
    else this.canceler.keepTime(entry);
  }

  /** Room and areas for all of them at once, for those that have to start together. False when that cannot be. */
  admitChain(entries: readonly Entry[]): boolean {
    if (!this.admission.hasRoom(entries.length) || !this.#areas.takeAll(entries)) return false;
    for (const entry of entries) this.admission.admit(entry);
    return true;
  }

  /** Puts operations that are linked to each other, and were admitted, into the submission queue. */
  launchChain(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queue.push(entry);
    this.flush.schedule();
  }

  /** An operation's turn in its lane has come. */
  launchInTurn(entry: Entry): void {
    if (entry.kind === turnKind) return (entry.subject as () => void)();
    const { position } = entry;
    if (position !== undefined) {
      const start = position.startOf(entry.lendExclusive);
      if (start === undefined) return this.#launchWhenFound(entry, position);
      this.#placeAt(entry, start);
    }
    this.launch(entry);
  }

  /** `start`: where in its file it begins, −1 where only the system knows. */
  #placeAt(entry: Entry, start: number): void {
    entry.movesPosition = start >= 0;
    this.writePosition(entry, start);
  }

  /**
   * A turn in a lane for a step that is made of several operations, none of which enters the lane. Resolves when it
   * begins, with what ends it.
   */
  async takeTurn(lane: Lane): Promise<() => void> {
    let entry = this.beginReserved(turnKind);
    while (entry === undefined) {
      await new Promise<void>((resolve) => this.clock.turn(resolve));
      entry = this.beginReserved(turnKind);
    }
    const turn = entry;
    const { generation } = turn;
    this.counters.submitted++;
    const end = () => {
      if (turn.generation === generation && turn.state === STATE.queued) this.settleLocally(turn, 0);
    };
    return new Promise((resolve) => {
      turn.subject = () => {
        // It is nowhere but here.
        turn.held = true;
        resolve(end);
      };
      lane.enter(turn);
    });
  }

  /** Its turn has come, and where it starts has to be found out first. It keeps its turn meanwhile. */
  #launchWhenFound(entry: Entry, position: OwnPosition): void {
    const { generation } = entry;
    this.canceler.keepTime(entry);
    entry.held = true;
    const found = (result: number) => {
      // Cancelled meanwhile: its turn is somebody else's.
      if (entry.generation !== generation || entry.state !== STATE.queued) return;
      entry.held = false;
      if (result < 0) this.settleLocally(entry, result);
      else this.launchInTurn(entry);
    };
    position.find().then(
      () => found(0),
      (error: { readonly errno?: number }) => found(error.errno ?? -ERRNO.EIO),
    );
  }

  /**
   * Sends an operation to the driver; it waits for nothing but its turn to be admitted, and for the arena. What waits
   * keeps its own time.
   */
  launch(entry: Entry): void {
    if (entry.reserved || this.admission.admit(entry)) this.#go(entry);
    else this.canceler.keepTime(entry);
  }

  /** A receive that waits, so that what is left of the pool goes to others: see `ProvidedBuffers.holdsBack`. */
  #isHeldBack(entry: Entry): boolean {
    if ((this.records[entry.base]! & SUBMIT_FLAG.bufferSelect) === 0 || !this.provided.holdsBack(entry)) return false;
    this.canceler.keepTime(entry);
    entry.held = true;
    this.provided.whenProvided(entry);
    return true;
  }

  /** Puts the operation into the submission queue. */
  #enqueue(entry: Entry): void {
    if (this.#queue.length > FLUSH_PORTION && isOfQuietPeer(entry)) this.#queue.pushQuiet(entry);
    else this.#queue.push(entry);
    this.flush.schedule();
  }

  /** The same, before everything else: for a cancel. */
  launchCancel(entry: Entry): void {
    this.#queue.pushCancel(entry);
    this.flush.schedule();
  }

  /** The same, before everything but cancels. */
  launchUrgent(entry: Entry): void {
    this.#queue.pushUrgent(entry);
    this.flush.schedule();
  }

  /** The extras of an operation, made when first needed. */
  extrasOf(entry: Entry): EntryExtras {
    entry.extras ??= {
      signal: undefined,
      onAbort: undefined,
      timer: undefined,
      timeoutMs: 0,
      driverDeadlineMs: undefined,
      cause: undefined,
      cancelWaiters: undefined,
      onSettled: undefined,
      refusal: undefined,
      againDelayMs: 0,
    };
    return entry.extras;
  }

  // --- completions ------------------------------------------------------------------------------------------------

  #sinkCalled(count: number): void {
    this.counters.sinkCalls++;
    this.counters.completionsLater += count;
    this.pace.turned();
    this.#sink.process(count);
    // What a full driver did not take may fit now.
    if (this.#queue.length > 0) this.flush.schedule();
  }

  final(entry: Entry, ended: number, flags: number): void {
    const result = ended > 0 ? ended : withUntoldReset(entry, ended);
    if (result < 0) {
      if (entry.chain !== undefined && this.#brokeBefore(entry, result)) return;
      if ((flags & COMPLETION_FLAG.timedOut) !== 0) this.extrasOf(entry).cause ??= "timeout";
      // Some kernels hand out a buffer and then find nothing to put into it.
      if ((flags & COMPLETION_FLAG.bufferPicked) !== 0) this.provided.returnPicked(flags);
      if ((flags & COMPLETION_FLAG.begun) !== 0) this.#noteBegun(entry);
      if (this.#isTransient(entry, result) || this.#wasMisplaced(entry, result)) {
        if (entry.state === STATE.submitted || entry.state === STATE.more) return this.#repeat(entry, result);
        // It would go again if nobody had asked for its end.
        return this.#end(entry, -ERRNO.ECANCELED, 0);
      }
    }
    if (entry.whole && result > 0 && entry.state === STATE.submitted && this.#goOn(entry, result)) return;
    this.#end(entry, result, flags);
  }

  more(entry: Entry, result: number, flags: number): void {
    entry.advance(EVENT.more);
    if (result > 0) this.#noteReceived(entry, result, flags);
    if (entry.state === STATE.orphaned) {
      if (result >= 0) this.salvage(entry, result, flags);
    } else {
      entry.kind?.more?.(entry, result, flags);
    }
  }

  /** A peer has said something: as much as there was room for, or all that it had to say. */
  #noteReceived(entry: Entry, result: number, flags: number): void {
    const { kind, resource } = entry;
    if (kind?.opcode !== OPCODE.receive || resource === undefined) return;
    const { handle } = resource;
    const room = this.provided.lengthOf(flags) ?? entry.lendEnd - entry.lendStart;
    handle.said = handle.said === "nothing" || result < room ? "little" : "much";
  }

  faulted(entry: Entry | undefined, generation: number, error: unknown): void {
    if (entry === undefined || entry.generation !== generation || entry.state === STATE.free) {
      this.counters.faults++;
      return;
    }
    const fault = this.#fault(entry, error);
    const { reject, lane } = entry;
    // What has not ended may still be the driver's.
    if (entry.state !== STATE.completed) return;
    reject?.(fault);
    this.free(entry);
    lane?.leave(entry);
  }

  /** An error that was thrown where none may be, as whoever waits for the operation is told of it. */
  #fault({ kind }: Entry, cause: unknown): Error {
    this.counters.faults++;
    return batonError("ERR_DRIVER_FAULT", `${kind?.syscall}: an error was thrown in the way of the operation.`, {
      driver: this.driverName,
      cause,
    });
  }

  stale(flags: number): void {
    this.provided.returnPicked(flags);
  }

  /**
   * The driver ends what is linked behind an operation that did not end well. True when core does it later after all,
   * because that one goes on.
   */
  #brokeBefore(entry: Entry, result: number): boolean {
    if (result !== -ERRNO.ECANCELED || entry.state !== STATE.submitted || this.closed) return false;
    if (entry.extras?.cause !== undefined) return false;
    if (entry.chain!.waitsAgain(entry)) return true;
    if (entry.chain!.isBrokenBefore(entry)) this.extrasOf(entry).cause = "chain";
    return false;
  }

  settleLocally(entry: Entry, result: number): void {
    settleInTurn(this, entry);
    this.#end(entry, result, 0);
  }

  settleWithBytes(entry: Entry, bytes: Uint8Array): void {
    entry.picked = this.buffers.adopt(bytes.slice());
    this.settleLocally(entry, bytes.length);
  }

  memoryOf(entry: Entry): readonly Uint8Array[] {
    return lentMemory(entry);
  }

  /** Takes care of a result that nobody waits for. */
  salvage(entry: Entry, result: number, flags: number): void {
    this.counters.salvaged++;
    entry.kind?.salvage(entry, result, flags);
  }

  /** `-EINTR`, `-EAGAIN` and `-ENOBUFS` are nobody's business above (P11). */
  #isTransient(entry: Entry, result: number): boolean {
    if (result === -ERRNO.ENOBUFS) return (this.records[entry.base]! & SUBMIT_FLAG.bufferSelect) !== 0;
    return (result === -ERRNO.EINTR || result === -ERRNO.EAGAIN) && entry.kind?.repeatable === true;
  }

  /** It went by the own position of a file that can seek, and cannot be told where to read or write: it goes again without. */
  #wasMisplaced(entry: Entry, result: number): boolean {
    if (result !== -ERRNO.ESPIPE || entry.position === undefined || !entry.movesPosition) return false;
    entry.position.refused(entry.lendExclusive);
    this.#placeAt(entry, -1);
    return true;
  }

  /** The repetition goes on with the handle that the driver has answered. */
  #noteBegun(entry: Entry): void {
    const { records, arena } = this;
    const word = records[entry.base + WORD.arenaOffset]! >> 2;
    records[entry.base + WORD.handleIndex] = arena.words[word + BEGUN_WORD.index]!;
    records[entry.base + WORD.handleGeneration] = arena.words[word + BEGUN_WORD.generation]!;
  }

  /** After a transient result: the operation goes again, at once or later. */
  #repeat(entry: Entry, result: number): void {
    this.counters.repeated++;
    entry.advance(EVENT.repeat);
    entry.chain?.unlink(entry);
    this.canceler.keepTime(entry);
    if (result === -ERRNO.EINTR || result === -ERRNO.ESPIPE) return this.#relaunch(entry);
    entry.held = true;
    if (result === -ERRNO.ENOBUFS) return this.provided.whenProvided(entry);
    const generation = entry.generation;
    const again = () => {
      if (entry.generation !== generation || entry.state !== STATE.queued) return;
      entry.held = false;
      this.#relaunch(entry);
    };
    const extras = this.extrasOf(entry);
    extras.againDelayMs = Math.min(AGAIN_DELAY_MS_MAX, extras.againDelayMs === 0 ? 1 : extras.againDelayMs * 2);
    this.clock.retryAfter(extras.againDelayMs, again);
  }

  #relaunch(entry: Entry): void {
    if (entry.kind?.opcode === OPCODE.cancel) this.launchCancel(entry);
    // One that went with others has not been admitted for itself.
    else if (entry.admitted || entry.reserved) this.#enqueue(entry);
    else this.launch(entry);
  }

  /** After a short result of an operation that shall move all its bytes: submits the rest. */
  #goOn(entry: Entry, result: number): boolean {
    const records = this.records;
    const base = entry.base;
    const rest = entry.lendEnd - entry.lendStart - entry.progress - result;
    if (rest <= 0) return false;
    this.counters.repeated++;
    entry.chain?.unlink(entry);
    this.canceler.keepTime(entry);
    entry.progress += result;
    records[base + WORD.bufferOffset] = entry.lendStart + entry.progress;
    records[base + WORD.length] = Math.min(rest, TRANSFER_BYTES_MAX);
    if (entry.movesPosition) {
      const high = records[base + WORD.positionHigh]!;
      this.writePosition(entry, high * 0x1_0000_0000 + (records[base + WORD.positionLow]! >>> 0) + result);
    }
    entry.advance(EVENT.repeat);
    this.#relaunch(entry);
    return true;
  }

  #end(entry: Entry, result: number, flags: number): void {
    const orphaned = entry.state === STATE.orphaned;
    const lane = entry.lane;
    entry.advance(EVENT.final);
    if (result > 0) this.#noteReceived(entry, result, flags);
    // Nobody waits for it any more: it goes to the next caller (P6). Before the buffer goes home, while it is ours.
    const early = orphaned ? undefined : earlyCause(this, entry, result);
    const wanted = result >= 0 && !orphaned && early === undefined;
    if (result < 0) entry.kind?.giveUp?.(entry);
    const bytes = entry.progress + Math.max(0, result);
    if (!wanted && (result >= 0 || entry.progress > 0)) this.salvage(entry, bytes, flags);
    if (entry.position !== undefined) entry.position.ended(entry, bytes, wanted);
    giveBackAll(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    if (orphaned) this.orphans.ended(entry);
    else if (entry.reject !== undefined) settleFinal(this, entry, result, flags, early);
    this.free(entry);
    if (lane !== undefined) lane.leave(entry);
  }

  /** Frees the slot of an operation that has ended. */
  free(entry: Entry): void {
    this.counters.completed++;
    this.#areas.release(entry);
    if (entry.admitted) this.admission.leave(entry);
    this.#releaseSlot(entry);
  }

  /** A slot is free: cancels that waited for one go, and so does whoever waits for the last. */
  #releaseSlot(entry: Entry): void {
    this.table.release(entry);
    if (this.canceler.waiting) this.canceler.retry();
    if (this.#onIdle !== undefined && !this.inUse) this.#onIdle();
  }

  // --- ending early -----------------------------------------------------------------------------------------------

  /**
   * Ends an operation that the driver never had: no system call, the buffer is home at once. `given`: what its caller
   * is told instead of the usual.
   */
  endQueued(entry: Entry, cause: CancelCause, given?: Error): void {
    const lane = entry.lane;
    entry.advance(EVENT.cancel);
    if (entry.inLine) lane?.takeOut(entry);
    // It may have moved bytes before it was queued again.
    if (entry.progress > 0) this.salvage(entry, entry.progress, 0);
    if (entry.position !== undefined) entry.position.ended(entry, entry.progress, false);
    giveBackAll(entry);
    entry.kind?.giveUp?.(entry);
    if (entry.resource !== undefined) entry.resource.leave(entry);
    settleInTurn(this, entry);
    settleCanceledEarly(this, entry, cause, given);
    this.free(entry);
    if (lane !== undefined) lane.leave(entry);
  }

  /** Gives an operation up: its promise rejects now, the rest happens when the driver is done (P7). */
  abandon(entry: Entry, error: Error, cause: CancelCause): void {
    if (entry.state === STATE.orphaned) return;
    if (entry.state === STATE.queued) {
      expectReturnOfAll(entry);
      this.endQueued(entry, cause, error);
      return;
    }
    const wasCanceling = entry.state === STATE.canceling;
    // First, because the cancel may end it here and now.
    this.#giveUp(entry, error, cause);
    if (!wasCanceling) this.canceler.send(entry);
  }

  /** Nobody waits for it any more; what the driver has of it stays lent until its final completion. */
  #giveUp(entry: Entry, error: Error, cause: CancelCause): void {
    expectReturnOfAll(entry);
    entry.advance(EVENT.abandon);
    this.counters.abandoned++;
    this.orphans.adopt(entry);
    this.#tellEarly(entry, error, cause);
  }

  /** Tells everybody who waits for an operation that it has ended for them, though the driver may still have it. */
  #tellEarly(entry: Entry, error: Error, cause: CancelCause): void {
    const { promise, resolve, reject, extras } = entry;
    entry.promise = undefined;
    entry.resolve = undefined;
    entry.reject = undefined;
    entry.extras = undefined;
    if (extras !== undefined) {
      this.canceler.detach(extras);
      extras.onSettled?.("canceled");
      for (const waiter of extras.cancelWaiters ?? []) waiter("canceled");
    }
    rejectWaiting({ promise, resolve, reject, extras }, error, cause);
  }

  /**
   * The session is closed: whoever still waits is told. What the driver never took ends as if it had been cancelled;
   * buffers of what it has not confirmed do not come home.
   */
  endAll(): void {
    this.ended = true;
    for (const entry of this.table.entries) {
      if (entry.state === STATE.queued) {
        this.endQueued(entry, "close");
      } else if (isWithDriver(entry.state) && entry.reject !== undefined) {
        const message = `${entry.kind?.syscall}: the backend was closed meanwhile.`;
        this.#tellEarly(entry, batonError("ERR_BACKEND_CLOSED", message, { driver: this.driverName }), "close");
      }
    }
  }

  /** Something is in flight, orphans and cancels included, or goes on between operations. */
  get inUse(): boolean {
    return this.table.inUse > 0 || this.#asides > 0;
  }

  /** Resolves when nothing is in use. */
  idle(): Promise<void> {
    if (!this.inUse) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = () => {
        this.#onIdle = undefined;
        resolve();
      };
    });
  }
}

function isOfQuietPeer({ kind, resource }: Entry): boolean {
  if (resource?.handle.quiet !== true) return false;
  return kind?.opcode === OPCODE.receive || kind?.opcode === OPCODE.send;
}

/**
 * Keeps a reset that nobody is told of, and tells the next receive of it that would take it for the end of the stream.
 */
function withUntoldReset(entry: Entry, result: number): number {
  const { resource, kind } = entry;
  if (resource === undefined) return result;
  if (entry.state === STATE.orphaned) {
    if (result === -ERRNO.ECONNRESET) resource.untoldReset = result;
    return result;
  }
  const { untoldReset } = resource;
  if (untoldReset === 0 || result !== 0 || kind?.opcode !== OPCODE.receive) return result;
  // A receive of no bytes says nothing of the stream.
  if (entry.buffer !== undefined && entry.lendEnd === entry.lendStart) return result;
  resource.untoldReset = 0;
  return untoldReset;
}

// The two functions of the promise that is being made: saves a closure per operation.
const captureNothing = (): void => undefined;
let capturedResolve: (value: unknown) => void = captureNothing;
let capturedReject: (error: unknown) => void = captureNothing;
function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve;
  capturedReject = reject;
}
