/** The file that users hold. */

import { promiseOfMany } from "../base/rejection.js";
import { checkBoolean, checkOptions } from "../base/validate.js";
import type { Lendable, Unreleased } from "../memory/owned-buffer.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { OperationKind } from "../operation/entry.js";
import { closeResource, expectNotClosed } from "./closing.js";
import {
  FILE_KIND,
  FILE_TRANSFER,
  type FileCore,
  prepareFileStat,
  prepareFileTransfer,
  prepareOnFile,
  prepareTruncate,
  type ReadResult,
  type WriteResult,
} from "./file-operations.js";
import { type Advice, type AdviseOptions, type AllocateOptions, prepareAdvise, prepareAllocate } from "./file-space.js";
import type { FileStat } from "./file-stat.js";
import {
  type AllUnreleased,
  FILE_VECTOR,
  prepareFileVector,
  type ReadVectorResult,
  type VectorOptions,
  type WriteVectorResult,
} from "./file-vector.js";
import { doors, streamCore, wrongResource } from "./inner.js";
import { type PipeFromFileOptions, type PipeResult, pipeFromFile } from "./pipe-transfer.js";
import type { StreamSocket } from "./stream-socket.js";
import { type ClosedResource, NO_OPTIONS, type PositionedOptions, type TransferPlan } from "./transfer.js";

export interface CloseFileOptions {
  /**
   * Cancel what is in flight, as closing a stream does: it rejects with `ERR_RESOURCE_CLOSED` and its buffer, or settles
   * with what really happened. Default false: it is waited for.
   */
  readonly cancel?: boolean;
}

/**
 * An open file. All methods reject with `ERR_RESOURCE_CLOSED` after `close()`, and with the system's error
 * (`EIO`, `ENOSPC`, …) when the operation fails; the error then carries the buffer.
 *
 * @example
 * await using file = await io.openFile("data.bin", "r");
 * const { bytesRead, buffer } = await file.read(io.buffers.take(65536), { position: 0 });
 */
export class File {
  readonly #core: FileCore;
  #syncError: unknown = undefined;

  /** Core's: use `io.openFile`. */
  constructor(core: FileCore) {
    this.#core = core;
  }

  /** The path it was opened with. */
  get path(): string {
    return this.#core.state.label;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#core.state.phase !== "open";
  }

  /**
   * Reads into the buffer, which is lent exclusively until the promise settles. May read less than asked; 0 bytes
   * mean the end of the file. Without `position` it reads from the file's own position, which reads and writes share and
   * go by one after the other; a read that was aborted too late leaves it where it is. On what cannot seek a `position`
   * is `ESPIPE`. Source: pread(2), read(2).
   */
  read<B extends Lendable>(buffer: B & Unreleased<B>, options: PositionedOptions = NO_OPTIONS): Promise<ReadResult<B>> {
    return this.#transfer(FILE_TRANSFER.read, buffer, options);
  }

  /** Like `read`, and goes on after a short read until the part of the buffer is full or the file ends. */
  readFull<B extends Lendable>(
    buffer: B & Unreleased<B>,
    options: PositionedOptions = NO_OPTIONS,
  ): Promise<ReadResult<B>> {
    return this.#transfer(FILE_TRANSFER.readFull, buffer, options);
  }

  /**
   * Writes from the buffer, which is lent shared until the promise settles. May write less than asked (a full disk,
   * a limit). Without `position` it writes at the file's own position, which moves on by what was written, or at the
   * end of a file that was opened for appending. Source: pwrite(2), write(2).
   */
  write<B extends Lendable>(
    buffer: B & Unreleased<B>,
    options: PositionedOptions = NO_OPTIONS,
  ): Promise<WriteResult<B>> {
    return this.#transfer(FILE_TRANSFER.write, buffer, options);
  }

  /** Like `write`, and goes on after a short write until everything is written. */
  writeFull<B extends Lendable>(
    buffer: B & Unreleased<B>,
    options: PositionedOptions = NO_OPTIONS,
  ): Promise<WriteResult<B>> {
    return this.#transfer(FILE_TRANSFER.writeFull, buffer, options);
  }

  /**
   * Reads into several buffers, filling one after the other: one operation, one system call. All of them are lent
   * exclusively until the promise settles; none may be, or overlap, another (`ERR_BUFFER_LENT`). At most 1024
   * (`ERR_OUT_OF_RANGE`). May read less than they hold; 0 bytes mean the end of the file. An error carries them all as
   * `error.buffers`. Needs the operation `readv`. Source: preadv(2), readv(2).
   *
   * @example const { bytesRead } = await file.readv([head, body], { position: 0 });
   */
  readv<const B extends readonly Lendable[]>(
    buffers: readonly [...B] & AllUnreleased<B>,
    options: VectorOptions = NO_OPTIONS,
  ): Promise<ReadVectorResult<B>> {
    return this.#core.dispatcher.run(() => prepareFileVector(this.#core, FILE_VECTOR.readv, buffers, options));
  }

  /**
   * Writes several buffers, one after the other, without joining them first. All of them are lent shared until the
   * promise settles, and one may be there twice. At most 1024. May write less than asked. An error carries them all as
   * `error.buffers`, and `error.bytesTransferred`. Needs the operation `writev`. Source: pwritev(2), writev(2).
   */
  writev<const B extends readonly Lendable[]>(
    buffers: readonly [...B] & AllUnreleased<B>,
    options: VectorOptions = NO_OPTIONS,
  ): Promise<WriteVectorResult<B>> {
    return this.#core.dispatcher.run(() => prepareFileVector(this.#core, FILE_VECTOR.writev, buffers, options));
  }

  /**
   * Flushes data and metadata to the device. When a flush has failed, the kernel may have dropped what it could not
   * write and report the next one as good, so every later flush of this file rejects with the first error.
   * Source: fsync(2).
   */
  sync(options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#flush("file.sync", FILE_KIND.fsync, options);
  }

  /** Flushes data, and the metadata needed to read it back. Errors are as sticky as `sync`'s. Source: fdatasync(2). */
  datasync(options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#flush("file.datasync", FILE_KIND.fdatasync, options);
  }

  /** Metadata of the open file. Source: fstat(2). */
  stat(options: OperationOptions = NO_OPTIONS): Promise<FileStat> {
    return this.#core.dispatcher.run(() => prepareFileStat(this.#core, options));
  }

  /** Sets the length in bytes; what is added reads as zero. Source: ftruncate(2). */
  truncate(length: number = 0, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#core.dispatcher.run(() => prepareTruncate(this.#core, length, options));
  }

  /**
   * Reserves, zeroes or gives back space of the file: see `AllocateMode`. Rejects with `ENOSPC`, `ENOTSUP` (the file
   * system cannot), …. Needs the operation `allocate`. Source: fallocate(2).
   *
   * @example await file.allocate({ length: 2 ** 30, mode: "keep-size" });
   */
  allocate(options: AllocateOptions): Promise<void> {
    return this.#core.dispatcher.run(() => prepareAllocate(this.#core, options));
  }

  /**
   * Tells the kernel how a range is going to be used, so that it reads ahead, or does not, or forgets what it has
   * cached. Changes no result. Needs the operation `advise`. Source: posix_fadvise(2).
   *
   * @example await file.advise("sequential");
   */
  advise(advice: Advice, options: AdviseOptions = NO_OPTIONS): Promise<void> {
    return this.#core.dispatcher.run(() => prepareAdvise(this.#core, advice, options));
  }

  /**
   * Sends bytes of the file on a connection, to its end or `length` of them. With a driver that can splice they never
   * come into the program; otherwise, and from what cannot seek, they go through a buffer of the pool. When it is ended
   * early, `error.bytesTransferred` says how many were sent; without a `position` the next read goes on behind these.
   * Sends, and reads at the own position, that are asked for meanwhile take turns with it. Source: splice(2).
   *
   * @example await file.pipeTo(stream, { position: 0, length: size });
   */
  pipeTo(stream: StreamSocket, options: PipeFromFileOptions = NO_OPTIONS): Promise<PipeResult> {
    return promiseOfMany(this.#core.dispatcher.pace, async () => pipeFromFile(this.#core, streamCore(stream), options));
  }

  /**
   * Waits for what is in flight, then closes; with `cancel` it ends that early. A second call rejects with
   * `ERR_RESOURCE_CLOSED_TWICE`. Source: close(2).
   *
   * @example await fifo.close({ cancel: true }); // a read that waits for bytes rejects, with its buffer
   */
  async close(options: CloseFileOptions = {}): Promise<ClosedResource> {
    const { dispatcher, state } = this.#core;
    expectNotClosed(state);
    checkOptions("file.close", options, { cancel: true });
    const { cancel } = options;
    const early = cancel !== undefined && checkBoolean("file.close", "cancel", cancel);
    // Reading the options may have closed it.
    expectNotClosed(state);
    await closeResource(dispatcher, state, early ? "cancel" : "await");
    return this as ClosedResource;
  }

  /** Closes; does nothing when the file is closed or closing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#core.state.phase === "open") await this.close();
  }

  #transfer<R>(plan: TransferPlan, buffer: Lendable, options: PositionedOptions): Promise<R> {
    // Not `dispatcher.run`: a closure per operation would be felt here.
    try {
      return this.#core.dispatcher.start(prepareFileTransfer(this.#core, plan, buffer, options));
    } catch (error) {
      return this.#core.dispatcher.refused(error);
    }
  }

  #flush(where: string, kind: OperationKind, options: OperationOptions): Promise<void> {
    if (this.#syncError !== undefined) return Promise.reject(this.#syncError);
    const flushed = this.#core.dispatcher.run<void>(() => prepareOnFile(this.#core, where, kind, options));
    return flushed.catch((error: unknown) => {
      // Only the device's own verdict sticks: an abort or a closed file says nothing about the data.
      if (error instanceof Error && "errno" in error) this.#syncError = error;
      throw error;
    });
  }

  static {
    doors.file = (file) => {
      if (typeof file !== "object" || file === null || !(#core in file)) {
        throw wrongResource("file", ["File"], file);
      }
      return file.#core;
    };
  }
}
