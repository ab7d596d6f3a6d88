/**
 * Receiving until the peer ends its side, as an async iterator. Where the driver has it, one submission receives again
 * and again into buffers that the driver takes; otherwise, and while the pool is short, one receive follows the other.
 * Whoever stops early loses nothing: what had arrived is kept for the next receive.
 */

import { ERRNO } from "../base/errno.js";
import { withCallers } from "../base/rejection.js";
import type { OwnedBuffer } from "../memory/owned-buffer.js";
import type { Entry } from "../operation/entry.js";
import type { LaneHolder } from "../operation/lane.js";
import { defineKind } from "../operation/operation-kind.js";
import type { ReceiveLoop } from "../operation/provided-buffers.js";
import type { Standing } from "../operation/standing.js";
import { isSupported } from "../spi/capability.js";
import { SUBMIT_FLAG } from "../spi/record.js";
import { receiveProvided } from "./lent-receive.js";
import { beginProvided, claimProvided, type StreamCore } from "./stream-operations.js";
import { NO_OPTIONS } from "./transfer.js";

/** Bytes that have arrived, in a buffer that is the receiver's, to be released. */
export interface ReceivedChunk {
  readonly bytesReceived: number;
  readonly buffer: OwnedBuffer;
}

const loopKind = defineKind("receive", {
  more: (entry, result, flags) => (entry.subject as ChunkReader).arrived(entry, result, flags),
  finish: (entry, result, flags) => {
    const reader = entry.subject as ChunkReader;
    if (result > 0) reader.arrived(entry, result, flags);
    else claimProvided(reader.core, entry, flags)?.release();
    return result;
  },
  salvage: (entry, result, flags) => {
    const reader = entry.subject as ChunkReader;
    if (result > 0) reader.arrived(entry, result, flags);
    else claimProvided(reader.core, entry, flags)?.release();
  },
  crowded: (entry) => (entry.subject as ChunkReader).makeWay(),
});

/** Chunks of one connection, by one submission for as long as it lasts, or by one each. */
class ChunkReader implements ReceiveLoop, Standing, LaneHolder {
  readonly core: StreamCore;
  readonly #waiting: ReceivedChunk[] = [];
  /** The submission that brings chunks; `undefined` while there is none. */
  #receiving: Entry | undefined = undefined;
  #receivingGeneration = 0;
  #ended = false;
  #failed: { readonly error: unknown; told: boolean } | undefined = undefined;
  /** The program has stopped reading: what still comes is kept for others. */
  #left = false;
  /** Others wait to receive: what the submission in flight still brings is theirs. */
  #makesWay = false;
  /** The program waits for a chunk. */
  #asked = false;
  #wake: (() => void) | undefined = undefined;
  #unwatch: (() => void) | undefined = undefined;
  /** The program has taken a chunk since the last look. */
  #taken = false;
  #watched = false;

  constructor(core: StreamCore) {
    this.core = core;
  }

  /** The next chunk, or `undefined` when the peer has ended its side. */
  async next(): Promise<ReceivedChunk | undefined> {
    this.#asked = true;
    try {
      return await this.#next();
    } finally {
      this.#asked = false;
    }
  }

  async #next(): Promise<ReceivedChunk | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#taken = true;
        if (!this.#watched) this.#watch();
        return chunk;
      }
      this.core.state.expectOpen("stream.receive");
      if (this.#failed !== undefined) {
        this.#failed.told = true;
        throw withCallers(this.#failed.error);
      }
      if (this.#ended) return undefined;
      if (this.#receiving === undefined) this.#arm();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #watch(): void {
    this.#watched = true;
    this.core.dispatcher.standing.watch(this);
  }

  look(): boolean {
    this.#watched = this.#taken && !this.#asked && this.#receiving !== undefined;
    if (!this.#taken && !this.#asked) this.pause();
    this.#taken = false;
    return this.#watched;
  }

  /** Bytes are here. */
  arrived(entry: Entry, result: number, flags: number): void {
    const buffer = claimProvided(this.core, entry, flags);
    if (buffer === undefined) return;
    if (this.#left || this.#makesWay || this.core.state.phase !== "open")
      return this.#keep({ bytesReceived: result, buffer });
    this.#waiting.push({ bytesReceived: result, buffer });
    if (this.core.receiveLane.isCrowded) this.makeWay();
    else if (this.#waiting.length >= this.core.dispatcher.provided.loopChunksMax) this.pause();
    this.#tell();
  }

  /** Others wait to receive: what the program has not asked for is theirs, and what it asks for later comes behind. */
  makeWay(): void {
    const own = this.#asked ? 1 : 0;
    // It had its turn before them.
    if (this.#waiting.length < own) return;
    this.#makesWay = true;
    this.#keepFrom(own);
    this.pause();
  }

  /** Gives back what nobody read, in order, and ends the receive. */
  async leave(): Promise<void> {
    this.#left = true;
    this.#keepFrom(0);
    this.#unwatch?.();
    const { receiveLane } = this.core;
    if (receiveLane.holder === this) receiveLane.holder = undefined;
    this.pause();
    // What it still brings belongs before whatever is received next: the lane waits for it.
    while (this.#receiving !== undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    // Whoever receives next is told in its stead.
    if (this.#failed?.told === false && isReset(this.#failed.error)) this.core.state.untoldReset = -ERRNO.ECONNRESET;
  }

  /** Gives back the chunks that wait, from one of them on. */
  #keepFrom(index: number): void {
    for (const chunk of this.#waiting.splice(index)) this.#keep(chunk);
  }

  #keep({ bytesReceived, buffer }: ReceivedChunk): void {
    if (this.core.state.phase === "open") this.core.receiveLane.salvageBytes(buffer.bytes.slice(0, bytesReceived));
    buffer.release();
  }

  #arm(): void {
    const { dispatcher, state } = this.core;
    state.expectOpen("stream.receive");
    // The stream may be closed with nobody in the loop, who would see to the chunks that wait.
    this.#unwatch ??= state.whenClosing(() => this.#keepFrom(0));
    this.#makesWay = false;
    const { provided } = dispatcher;
    const entry = beginProvided(this.core, loopKind, this, SUBMIT_FLAG.providedBuffer);
    // Where others would go short for it, a chunk is received when it is asked for and not before.
    if (!provided.crowded) {
      dispatcher.records[entry.base]! |= SUBMIT_FLAG.multishot;
      provided.enter(this);
    }
    this.#receiving = entry;
    this.#receivingGeneration = entry.generation;
    const ended = dispatcher.start<number>(entry);
    // When it has ended, chunks may still wait here, and the lane is free.
    this.core.receiveLane.holder = this;
    ended.then(
      (result) => {
        this.#ceased();
        if (result === 0) this.#ended = true;
        this.#tell();
      },
      (error: unknown) => {
        this.#ceased();
        // Its own pause is no error: it goes on when the program has caught up.
        if (!isPause(error) || this.core.state.phase !== "open") this.#failed = { error, told: false };
        this.#tell();
      },
    );
  }

  #ceased(): void {
    this.#receiving = undefined;
    this.core.dispatcher.provided.leave(this);
  }

  /** Ends the receive; what it had brought by then is read first. */
  pause(): void {
    const entry = this.#receiving;
    // It may have ended a moment ago, and another operation have its slot by now.
    if (entry === undefined || entry.generation !== this.#receivingGeneration) return;
    this.core.dispatcher.canceler.request(entry, "cancel");
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function isPause(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_OPERATION_CANCELED";
}

function isReset(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ECONNRESET";
}

/** The chunks of a connection, until the peer ends its side or the program leaves the loop. */
export async function* readChunks(core: StreamCore): AsyncGenerator<ReceivedChunk, void, void> {
  const { dispatcher } = core;
  if (!isSupported(dispatcher.capabilities.features.multishotReceive)) {
    for (;;) {
      const result = await receiveProvided(core, NO_OPTIONS);
      if (result.buffer === undefined) return;
      yield result;
    }
  }
  const reader = new ChunkReader(core);
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) yield chunk;
  } finally {
    await reader.leave();
  }
}
