/**
 * The simulated driver at work for one backend: takes submissions, lets the kernel attempt them sooner or later, and
 * hands completions over. It also checks the other side of the contract: what core may not do is noted as a
 * violation.
 */

import { type Capabilities, isSupported } from "@baton-io/core";
import {
  allocateSharedMemory,
  BAD_RECORD,
  type DriverCloseReport,
  type DriverHost,
  type DriverLimits,
  type DriverSession,
  ERRNO,
  type InterfaceIndex,
  OPCODE,
  type Opcode,
  type OpcodeDefinition,
  type OpenConstants,
  opcodeDefinition,
  RecordCheck,
  type SharedMemory,
  SUBMISSION_SHIFT,
  WORD,
} from "@baton-io/core/driver";
import { isOnFile, lacksFeature } from "./abilities.js";
import { attempt } from "./attempt.js";
import { holdsHandle } from "./attempt-host.js";
import type { Completion } from "./completion-queue.js";
import { Delivery } from "./delivery.js";
import { type EarlyEndHost, endEarly, timeUp } from "./early-ends.js";
import { EVENT_KIND } from "./event-hash.js";
import { STUCK_US } from "./faults.js";
import { Handles } from "./handles.js";
import { Intake } from "./intake.js";
import { simInterfaceIndex } from "./interfaces.js";
import type { Kernel } from "./kernel.js";
import { SimMemory } from "./memory.js";
import { simOpenConstants } from "./open-constants.js";
import { ProvidedBuffers } from "./provided-buffers.js";
import { Ticket } from "./ticket.js";

/** More `submit` calls than this without anything else happening are a loop that never ends. */
const SUBMITS_WITHOUT_EVENT_MAX = 100_000;

export class SimSession implements DriverSession, EarlyEndHost {
  readonly kernel: Kernel;
  readonly shared: SharedMemory;
  readonly capabilities: Capabilities;
  readonly openConstants: OpenConstants = simOpenConstants;
  readonly interfaceIndex: InterfaceIndex = simInterfaceIndex;
  readonly memory: SimMemory;
  readonly handles: Handles;
  readonly arenaBytes: Uint8Array<ArrayBuffer>;
  readonly arenaWords: Int32Array<ArrayBuffer>;
  readonly #records: Int32Array;
  readonly #intake: Intake;
  readonly #check: RecordCheck;
  readonly #delivery: Delivery;
  /** In flight, by slot. */
  readonly #tickets = new Map<number, Ticket>();
  /** Generation of the last operation in each slot. */
  readonly #generations = new Map<number, number>();
  readonly #provided: ProvidedBuffers;
  closing = false;
  #closed = false;
  #onEmpty: (() => void) | undefined = undefined;
  #submitsWithoutEvent = 0;
  #eventsAtLastSubmit = 0;

  constructor(kernel: Kernel, capabilities: Capabilities, host: DriverHost, limits: DriverLimits) {
    this.kernel = kernel;
    kernel.ledger.sessionsOpen++;
    this.handles = new Handles(kernel.descriptors);
    this.capabilities = capabilities;
    this.shared = allocateSharedMemory(limits);
    this.memory = new SimMemory(kernel.ledger, (text) => kernel.violate(text));
    this.arenaBytes = new Uint8Array(this.shared.arena);
    this.arenaWords = new Int32Array(this.shared.arena);
    this.#records = new Int32Array(this.shared.records);
    this.#check = new RecordCheck(this.shared, this.memory);
    this.#provided = new ProvidedBuffers(kernel, this.#check, this.memory, this.shared);
    this.#intake = new Intake(kernel, this.shared, {
      hasLinks: isSupported(capabilities.features.links),
      isTaken: (slot) => this.#tickets.has(slot),
      hasRoom: () => this.#delivery.wake(),
    });
    this.#delivery = new Delivery(kernel, host, limits, this.shared, {
      handOver: (completion) => this.#handOver(completion),
      told: () => {
        if (this.#tickets.size === 0) this.#onEmpty?.();
      },
    });
  }

  // --- the driver's side of the SPI -------------------------------------------------------------------------------

  submit(count: number): number {
    const { kernel } = this;
    if (this.#delivery.inSink) kernel.violate("submit is called from inside the sink");
    if (this.closing && count > 0) kernel.violate("something is submitted after close was called");
    if (this.#closed) return count;
    this.#expectProgress();
    this.#provided.take();
    const accepted = this.#intake.admit(count, this.#tickets.size === 0);
    for (const chain of this.#intake.chains(accepted)) this.#beginChain(chain);
    this.#delivery.leaveInline(count);
    return accepted;
  }

  async close(deadlineMs: number): Promise<DriverCloseReport> {
    const { timeline, hash, ledger } = this.kernel;
    this.closing = true;
    hash.event(EVENT_KIND.close, 0, 0, 0, this.#tickets.size, timeline.nowUs);
    for (const ticket of [...this.#tickets.values()]) if (!ticket.ended) endEarly(this, ticket);
    await this.#emptied(deadlineMs);
    this.#closed = true;
    ledger.sessionsOpen--;
    this.#delivery.stop();
    this.#intake.stop();
    for (const description of this.handles.removeAll()) {
      ledger.handlesForceClosed++;
      ledger.handlesClosed++;
      description.close();
      if (this.kernel.bug === "close-forgets-users") description.freeNumber();
    }
    let quarantinedBytes = 0;
    for (const ticket of this.#tickets.values()) if (ticket.parts.length > 0) quarantinedBytes += ticket.length;
    const unconfirmedOperations = this.#tickets.size;
    // What nobody can take any more is home.
    if (unconfirmedOperations === 0) this.#provided.giveBackAll();
    if (kernelWritesAfterClose(this.kernel)) this.#writeAfterClose();
    return { unconfirmedOperations, quarantinedBytes };
  }

  /** Resolves when nothing is in flight, or at the deadline. */
  async #emptied(deadlineMs: number): Promise<void> {
    const { timeline } = this.kernel;
    let isOver = false;
    const deadline = timeline.schedule(deadlineMs * 1000, () => {
      isOver = true;
      this.#onEmpty?.();
    });
    while (this.#tickets.size > 0 && !isOver) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    timeline.cancel(deadline);
  }

  lookup(host: string): Promise<readonly string[]> {
    const { timeline, dice } = this.kernel;
    return new Promise((resolve) => {
      timeline.schedule(dice.delayUs(), () => resolve(host === "localhost" ? ["127.0.0.1", "::1"] : []));
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  // --- for attempts -----------------------------------------------------------------------------------------------

  takeProvidedBuffer(): number {
    return this.#provided.takeOne();
  }

  giveProvidedBufferBack(number: number): void {
    this.#provided.putBack(number);
  }

  cancel(slot: number, generation: number): number {
    const target = this.#tickets.get(slot);
    if (target === undefined || target.opcode === OPCODE.cancel) return -ERRNO.ENOENT;
    if (target.generation !== generation && this.kernel.bug !== "cancel-hits-by-slot") return -ERRNO.ENOENT;
    return endEarly(this, target);
  }

  // --- submission -------------------------------------------------------------------------------------------------

  /** A submit that leads nowhere, again and again, would hang the program without a word. */
  #expectProgress(): void {
    const { events } = this.kernel.timeline;
    if (events !== this.#eventsAtLastSubmit) this.#submitsWithoutEvent = 0;
    this.#eventsAtLastSubmit = events;
    if (++this.#submitsWithoutEvent <= SUBMITS_WITHOUT_EVENT_MAX) return;
    const why = `${SUBMITS_WITHOUT_EVENT_MAX} submit calls in one turn of the event loop, and no end of it`;
    this.kernel.timeline.stop(why);
    throw new Error(why);
  }

  /** Begins operations each of which waits for the one before it, or one alone. */
  #beginChain(slots: readonly number[]): void {
    const takeable = slots.filter((slot, index) => {
      const there = this.#tickets.get(slot);
      if (this.#check.expectFree(slot, there !== undefined || slots.indexOf(slot) < index)) return true;
      this.kernel.violate(
        `slot ${slot} is submitted, and the slot still has ${there?.text ?? "another, or is not there"}`,
      );
      return false;
    });
    // Of a chain with a member that is none nothing starts.
    if (takeable.length < slots.length) {
      for (const slot of takeable) this.end(this.#take(slot), BAD_RECORD);
      return;
    }
    let before: Ticket | undefined;
    const tickets = slots.map((slot) => this.#take(slot));
    const closed = new Set<number>();
    for (const ticket of tickets) {
      if (before !== undefined) {
        ticket.isBehind = true;
        before.behind = ticket;
      }
      this.#holdHandles(ticket, closed);
      if (ticket.opcode === OPCODE.close) closed.add(ticket.word(WORD.handleIndex));
      before = ticket;
    }
    this.#start(tickets[0]!);
  }

  /** Takes a submission over, with its buffers and handles. */
  #take(slot: number): Ticket {
    const { kernel } = this;
    const { timeline, ledger, dice, hash } = kernel;
    const refusal = this.#check.check(slot);
    const ticket = new Ticket(this.#records, this.arenaWords, { slot, refusal }, (woken) =>
      this.schedule(woken, dice.delayUs()),
    );
    hash.event(EVENT_KIND.submit, slot, ticket.generation, ticket.opcode, ticket.word(WORD.length), timeline.nowUs);
    this.#checkIdentity(ticket);
    this.#tickets.set(slot, ticket);
    this.#generations.set(slot, ticket.generation);
    ledger.submissions++;
    ledger.operationsInFlight++;
    this.memory.lend(ticket);
    return ticket;
  }

  /** It holds its handles from here on, save one that stands in front of it in its chain to be closed. */
  #holdHandles(ticket: Ticket, closed: ReadonlySet<number>): void {
    const find = (index: number, generation: number) =>
      closed.has(index) ? undefined : this.handles.find(index, generation);
    if (holdsHandle(ticket)) {
      ticket.description = find(ticket.word(WORD.handleIndex), ticket.word(WORD.handleGeneration));
      ticket.description?.enter();
    }
    if (ticket.opcode === OPCODE.splice) {
      ticket.secondDescription = find(ticket.word(WORD.secondHandleIndex), ticket.word(WORD.secondHandleGeneration));
      ticket.secondDescription?.enter();
    }
  }

  /** The first attempt follows, at once or later. */
  #start(ticket: Ticket): void {
    const { kernel } = this;
    const { timeline, dice } = kernel;
    if (ticket.refusal !== 0) return this.end(ticket, ticket.refusal);
    if (ticket.timeoutUs > 0 && kernel.bug !== "timeout-ignored") {
      ticket.timeout = timeline.schedule(ticket.timeoutUs, () => timeUp(this, ticket));
    }
    if (ticket.opcode === OPCODE.timer) {
      const early = kernel.bug === "timer-early" && dice.random.chance(0.1) ? 2 : 1;
      ticket.dueUs = timeline.nowUs + Math.floor(ticket.position / early);
      this.schedule(ticket, ticket.dueUs - timeline.nowUs);
    } else if (dice.happens("inline")) {
      this.attempt(ticket);
    } else {
      ticket.stuck = isOnFile(ticket) && dice.happens("stuck");
      this.schedule(ticket, ticket.stuck ? STUCK_US : dice.delayUs());
    }
  }

  #checkIdentity(ticket: Ticket): void {
    const { kernel } = this;
    if (ticket.refusal === BAD_RECORD && ticket.parts.length === 0) {
      kernel.violate(`${ticket.text}: its record names memory that is not there`);
    }
    const before = this.#generations.get(ticket.slot) ?? 0;
    if (ticket.generation < before) kernel.violate(`${ticket.text}: the slot had generation ${before} before`);
  }

  // --- attempts ---------------------------------------------------------------------------------------------------

  schedule(ticket: Ticket, delayUs: number): void {
    const { timeline } = this.kernel;
    timeline.cancel(ticket.event);
    ticket.event = timeline.schedule(delayUs, () => this.attempt(ticket));
  }

  attempt(ticket: Ticket): void {
    if (ticket.ended) return;
    ticket.event = undefined;
    const refusal = this.#refusal(ticket);
    if (refusal !== 0) return this.end(ticket, refusal);
    for (;;) {
      const result = attempt(this, ticket);
      // A cancel of itself, or an attempt inside an attempt, may have ended it.
      if (ticket.ended) return;
      if (result === undefined) {
        if (ticket.doomed) this.end(ticket, -ERRNO.ECANCELED);
        return;
      }
      if (!ticket.multishot || result < 0 || (result === 0 && ticket.opcode === OPCODE.receive)) {
        return this.end(ticket, result);
      }
      if (this.kernel.dice.happens("multishotEnds")) return this.end(ticket, result);
      this.#delivery.post(ticket, result, true, this.kernel.dice.happens("late"));
    }
  }

  /** What is asked for in vain, `-EINTR` or `-EAGAIN`, or 0 when the attempt goes through. */
  #refusal(ticket: Ticket): number {
    const { dice } = this.kernel;
    const definition: OpcodeDefinition = opcodeDefinition(ticket.opcode as Opcode);
    if (lacksFeature(this.capabilities, ticket)) return -ERRNO.ENOTSUP;
    if (!definition.repeatable) return 0;
    if (dice.happens("interrupted")) return -ERRNO.EINTR;
    return dice.happens("again") ? -ERRNO.EAGAIN : 0;
  }

  // --- completions ------------------------------------------------------------------------------------------------

  /** The operation has ended; its completion follows, at once or later. */
  end(ticket: Ticket, result: number): void {
    const { dice, timeline, bug } = this.kernel;
    ticket.ended = true;
    timeline.cancel(ticket.event);
    timeline.cancel(ticket.timeout);
    ticket.event = undefined;
    ticket.timeout = undefined;
    ticket.isBehind = false;
    const isDropped = bug === "drop-completion" && dice.random.chance(0.01);
    if (!isDropped) this.#delivery.post(ticket, result, false, dice.happens("late"));
    const { behind } = ticket;
    ticket.behind = undefined;
    if (behind === undefined || behind.ended) return;
    behind.isBehind = false;
    if (ticket.endsWell(result) || bug === "link-ignores-failure") this.#start(behind);
    else this.end(behind, -ERRNO.ECANCELED);
  }

  #handOver({ ticket, result, more, provided, payload, duplicate }: Completion): void {
    const { hash, timeline, ledger, bug, dice } = this.kernel;
    hash.event(EVENT_KIND.complete, ticket.slot, ticket.generation, ticket.opcode, result, timeline.nowUs);
    if (duplicate) return;
    const lateWrite = bug === "early-completion-late-write" && payload !== undefined && dice.random.chance(0.1);
    const now = lateWrite ? undefined : payload;
    if (provided >= 0) this.memory.handOver(provided, now);
    if (lateWrite) {
      timeline.schedule(dice.random.between(1, 500), () => {
        if (provided >= 0) this.memory.write(provided, 0, payload);
        else this.memory.writeParts(ticket, payload);
      });
    }
    if (more && bug !== "forget-more") {
      ledger.completionsMore++;
      return;
    }
    this.#checkRecord(ticket);
    if (!ticket.providedBuffer) this.memory.giveBack(ticket, now);
    ticket.description?.leave();
    ticket.description = undefined;
    ticket.secondDescription?.leave();
    ticket.secondDescription = undefined;
    ledger.completions++;
    ledger.operationsInFlight--;
    this.#tickets.delete(ticket.slot);
  }

  #checkRecord(ticket: Ticket): void {
    const base = ticket.slot << SUBMISSION_SHIFT;
    for (const [index, word] of ticket.record.entries()) {
      if (this.#records[base + index] === word) continue;
      this.kernel.violate(`${ticket.text}: word ${index} of its record changed while it was in flight`);
      return;
    }
  }

  /** A planted bug: the kernel writes where it has nothing to write any more. */
  #writeAfterClose(): void {
    const { timeline } = this.kernel;
    const garbage = new Uint8Array(64).fill(0xee);
    timeline.schedule(1000, () => {
      for (const number of this.memory.numbers()) this.memory.write(number, 0, garbage);
    });
  }
}

function kernelWritesAfterClose({ bug }: Kernel): boolean {
  return bug === "write-after-close";
}
