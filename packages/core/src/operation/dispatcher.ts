/**
 * The middle of a backend: sends operations on their way to the driver. A resource begins one (`requests`), fills in its
 * record and starts it here; it waits for its turn in its lane, to be admitted, for its area and in the submission queue;
 * its completions come back through `course`, and `endings` settles its promise.
 */

import type { Clock } from "../base/clock.js";
import type { Counters } from "../base/counters.js";
import { ERRNO } from "../base/errno.js";
import type { AcceptPaused } from "../base/notices.js";
import { Arena, type ArenaLayout } from "../memory/arena.js";
import type { BufferPool } from "../memory/buffer-pool.js";
import type { Capabilities } from "../spi/capability.js";
import type { DriverHost, DriverSession } from "../spi/driver.js";
import { OPCODE } from "../spi/opcode.js";
import { SUBMIT_FLAG, WORD } from "../spi/record.js";
import { writeWide } from "../spi/wide.js";
import { Admission } from "./admission.js";
import { Areas } from "./areas.js";
import { Canceler, type CancelHost } from "./cancel.js";
import { CompletionSink } from "./completion.js";
import { Course, type CourseHost } from "./course.js";
import { type EndingHost, Endings } from "./endings.js";
import type { Entry, OperationLane, OperationPosition } from "./entry.js";
import { FLUSH_PORTION, Flush } from "./flush.js";
import { type JoinHost, SendJoiner } from "./joined-sends.js";
import { Lane } from "./lane.js";
import type { Kept, LaneHost } from "./lane-host.js";
import { defineKind } from "./operation-kind.js";
import { OperationTable } from "./operation-table.js";
import { Pace } from "./pace.js";
import { ProvidedBuffers } from "./provided-buffers.js";
import { type RequestHost, Requests } from "./requests.js";
import { StandingSubmissions } from "./standing.js";
import { SubmissionQueue } from "./submission-queue.js";
import { lentMemory } from "./vector.js";

/** A turn in a lane that is no operation of the driver's. */
const turnKind = defineKind("nop", {});

export class Dispatcher implements LaneHost, RequestHost, EndingHost, CourseHost, CancelHost, JoinHost {
  readonly driverName: string;
  readonly session: DriverSession;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly table: OperationTable;
  readonly records: Int32Array;
  readonly arena: Arena;
  readonly areas: Areas;
  /** How many go to the driver, and who waits for that. */
  readonly admission: Admission;
  /** How long this goes on before the event loop turns. */
  readonly pace: Pace;
  readonly flush: Flush;
  readonly buffers: BufferPool;
  /** Buffers handed to the driver for `receive()` without a buffer. */
  readonly provided: ProvidedBuffers;
  readonly requests: Requests;
  readonly endings: Endings;
  readonly course: Course;
  readonly canceler: Canceler;
  /** Submissions that deliver while nobody waits. */
  readonly standing: StandingSubmissions;
  /** Called when the backend begins to close, to end waits that are not operations. */
  readonly onClosing: Set<() => void> = new Set();
  readonly onAcceptPaused: ((pause: AcceptPaused) => void) | undefined;
  readonly #queue: SubmissionQueue;
  readonly #sink: CompletionSink;
  readonly #sendJoiner: SendJoiner;

  constructor(parts: {
    driverName: string;
    openSession: (host: DriverHost) => DriverSession;
    clock: Clock;
    counters: Counters;
    operationsMax: number;
    acceptedMax: number;
    slots: number;
    arena: ArenaLayout;
    createPool: (session: DriverSession, pace: Pace) => BufferPool;
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
    this.areas = new Areas(this.arena, this.records, (entry) => this.#enqueue(entry));
    this.buffers = parts.createPool(this.session, this.pace);
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
    this.requests = new Requests(this);
    this.endings = new Endings(this);
    this.course = new Course(this);
    this.canceler = new Canceler(this);
    this.#sendJoiner = new SendJoiner(this);
    this.#sink = new CompletionSink(shared.completions, this.table, this.course, this.counters);
    const { canceler, endings } = this;
    this.flush = new Flush({
      session: this.session,
      queue: this.#queue,
      table: this.table,
      sink: this.#sink,
      clock: this.clock,
      counters: this.counters,
      pace: this.pace,
      refused: (entry) => canceler.keepTime(entry),
      faulted: (entry, error) => endings.giveUp(entry, endings.fault(entry, error), "close"),
    });
  }

  get capabilities(): Capabilities {
    return this.session.capabilities;
  }

  #sinkCalled(count: number): void {
    this.counters.sinkCalls++;
    this.counters.completionsLater += count;
    if (this.session.sinkWithoutTurn !== true) this.pace.turned();
    this.#sink.process(count);
    // What a full driver did not take may fit now.
    if (this.#queue.length > 0) this.flush.schedule();
  }

  // --- starting an operation --------------------------------------------------------------------------------------

  /**
   * Starts an operation that was begun: makes its promise, then sends it on its way, by its lane or through the
   * arena where it has such.
   */
  start<T>(entry: Entry): Promise<T> {
    const promise = new Promise<unknown>(capture) as Promise<T>;
    entry.promise = promise;
    entry.resolve = capturedResolve;
    entry.reject = capturedReject;
    // Otherwise the last promise, and its result with it, would stay reachable for ever.
    capturedResolve = capturedReject = captureNothing;
    this.sendOff(entry);
    return promise;
  }

  /** Prepares and starts an operation; what is thrown before there is a promise becomes a rejection. */
  run<T>(prepare: () => Entry): Promise<T> {
    try {
      return this.start<T>(prepare());
    } catch (error) {
      return this.refused(error);
    }
  }

  /** The rejection of what was refused. Even when many follow each other, the event loop gets its turns. */
  refused<T>(error: unknown): Promise<T> {
    return new Promise((_resolve, reject) => this.pace.tell(() => reject(error)));
  }

  /** Sends an operation on its way, by its lane where it has one. */
  sendOff(entry: Entry): void {
    // Asked to end while it was being made, by code of the caller's: it ends as it starts.
    const cause = entry.extras?.cause;
    if (cause !== undefined) this.endings.endQueued(entry, cause);
    else if (entry.extras?.refusal !== undefined) this.settleLocally(entry, entry.extras.refusal);
    else if (entry.lane !== undefined) entry.lane.enter(entry);
    else this.launch(entry);
  }

  // --- lanes ------------------------------------------------------------------------------------------------------

  createLane(kept?: Kept): Lane {
    return new Lane(this, kept);
  }

  join(lane: OperationLane, first: Entry): Entry | undefined {
    return this.#sendJoiner.join(lane, first);
  }

  settleLocally(entry: Entry, result: number): void {
    this.endings.settleLocally(entry, result);
  }

  settleWithBytes(entry: Entry, bytes: Uint8Array): void {
    this.endings.settleWithBytes(entry, bytes);
  }

  memoryOf(entry: Entry): readonly Uint8Array[] {
    return lentMemory(entry);
  }

  /** An operation's turn in its lane has come. */
  launchInTurn(entry: Entry): void {
    if (entry.kind === turnKind) return (entry.subject as () => void)();
    const { position } = entry;
    if (position !== undefined) {
      const start = position.startOf(entry.lendExclusive);
      if (start === undefined) return this.#launchWhenFound(entry, position);
      entry.movesPosition = start >= 0;
      writeWide(this.records, entry.base + WORD.positionLow, start);
    }
    this.launch(entry);
  }

  /** Its turn has come, and where it starts has to be found out first. It keeps its turn meanwhile. */
  #launchWhenFound(entry: Entry, position: OperationPosition): void {
    const { generation } = entry;
    this.canceler.keepTime(entry);
    entry.held = true;
    const found = (result: number) => {
      // Canceled meanwhile: the turn has gone to the next.
      if (!entry.isQueued(generation)) return;
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
   * A turn in a lane for a step that is made of several operations, none of which enters the lane. Resolves when it
   * begins, with what ends it.
   */
  async takeTurn(lane: Lane): Promise<() => void> {
    let entry = this.requests.beginReserved(turnKind);
    while (entry === undefined) {
      await new Promise<void>((resolve) => this.clock.turn(resolve));
      entry = this.requests.beginReserved(turnKind);
    }
    const turn = entry;
    const { generation } = turn;
    this.counters.submitted++;
    const end = () => {
      if (turn.isQueued(generation)) this.settleLocally(turn, 0);
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

  // --- to the driver ----------------------------------------------------------------------------------------------

  /**
   * Sends an operation to the driver; it waits for nothing but its turn to be admitted, and for the arena. What waits
   * keeps its own time.
   */
  launch(entry: Entry): void {
    if (entry.reserved || this.admission.admit(entry)) this.#go(entry);
    else this.canceler.keepTime(entry);
  }

  relaunch(entry: Entry): void {
    if (entry.kind?.opcode === OPCODE.cancel) this.launchCancel(entry);
    // One that went together with others was not admitted by itself.
    else if (entry.admitted || entry.reserved) this.#enqueue(entry);
    else this.launch(entry);
  }

  launchCancel(entry: Entry): void {
    this.#queue.pushCancel(entry);
    this.flush.schedule();
  }

  /** Hands an operation to the driver before everything but cancels. */
  launchUrgent(entry: Entry): void {
    this.#queue.pushUrgent(entry);
    this.flush.schedule();
  }

  /** Room and areas for all of them at once, for those that have to start together. False when that cannot be. */
  admitChain(entries: readonly Entry[]): boolean {
    if (!this.admission.hasRoom(entries.length) || !this.areas.takeAll(entries)) return false;
    for (const entry of entries) this.admission.admit(entry);
    return true;
  }

  /** Puts operations that are linked to each other, and were admitted, into the submission queue. */
  launchChain(entries: readonly Entry[]): void {
    for (const entry of entries) this.#queue.push(entry);
    this.flush.schedule();
  }

  /** Sends an operation that was admitted through the arena, where it needs that. */
  #go(entry: Entry): void {
    if (this.provided.mayHoldBack && this.#isHeldBack(entry)) return;
    if (entry.areaBytes === 0 || this.areas.enter(entry)) this.#enqueue(entry);
    else this.canceler.keepTime(entry);
  }

  /** A receive that waits, so that what is left of the pool goes to others: see `ProvidedBuffers.holdsBack`. */
  #isHeldBack(entry: Entry): boolean {
    if ((this.records[entry.base]! & SUBMIT_FLAG.providedBuffer) === 0 || !this.provided.holdsBack(entry)) return false;
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
}

function isOfQuietPeer({ kind, resource }: Entry): boolean {
  if (resource?.handle.quiet !== true) return false;
  return kind?.opcode === OPCODE.receive || kind?.opcode === OPCODE.send;
}

// The two functions of the promise that is being made: saves a closure per operation.
const captureNothing = (): void => undefined;
let capturedResolve: (value: unknown) => void = captureNothing;
let capturedReject: (error: unknown) => void = captureNothing;
function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve;
  capturedReject = reject;
}
