/** The object users hold: one per thread, over one driver. */

import { BackendRemains, CLOSE_DEADLINE_MS_DEFAULT, type CloseReport, closeBackend } from "./backend-closing.js";
import { type BackendOptions, checkBackendOptions, guarded } from "./backend-options.js";
import { createCounters } from "./base/counters.js";
import { batonError } from "./base/errors.js";
import { promiseOfMany } from "./base/rejection.js";
import { checkDurationMs, checkInteger, checkOptions } from "./base/validate.js";
import { type Inspection, inspect } from "./inspector.js";
import { BufferPool } from "./memory/buffer-pool.js";
import { watchForDrop } from "./memory/dropped.js";
import type { Lendable } from "./memory/owned-buffer.js";
import type { OperationOptions } from "./operation/cancel.js";
import { CHAIN_LENGTH_MAX } from "./operation/chain.js";
import { Dispatcher } from "./operation/dispatcher.js";
import type { Entry } from "./operation/entry.js";
import { Operation } from "./operation/operation.js";
import { startChain } from "./operation/start-chain.js";
import { type Checked, copyRequests, prepareNop, prepareRequest, type Request, type ResultOf } from "./request.js";
import { type AdoptListenerOptions, type AdoptOptions, prepareAdopt } from "./resource/adopt.js";
import { type BindUdpOptions, prepareBindUdp } from "./resource/bind-udp.js";
import { type ConnectOptions, startConnect, type UnixConnectOptions } from "./resource/connect.js";
import type { File } from "./resource/file.js";
import { preparePathStat, type StatOptions } from "./resource/file-operations.js";
import type { FileStat } from "./resource/file-stat.js";
import { type ListenOptions, startListen } from "./resource/listen.js";
import { type OpenOptions, prepareOpen } from "./resource/open.js";
import {
  type MakeDirectoryOptions,
  type Path,
  prepareLink,
  prepareMakeDirectory,
  prepareRename,
  prepareUnlink,
  type RenameOptions,
} from "./resource/path-operations.js";
import { ResourceTracker } from "./resource/resource-tracker.js";
import type { StreamSocket } from "./resource/stream-socket.js";
import type { TcpListener } from "./resource/tcp-listener.js";
import type { TcpStream } from "./resource/tcp-stream.js";
import { prepareTimer, Timer } from "./resource/timer.js";
import { NO_OPTIONS } from "./resource/transfer.js";
import type { UdpSocket } from "./resource/udp-socket.js";
import type { UnixListener } from "./resource/unix-listener.js";
import type { UnixListenOptions } from "./resource/unix-socket.js";
import type { UnixStream } from "./resource/unix-stream.js";
import type { Capabilities } from "./spi/capability.js";
import type { OpenFlags } from "./spi/open-flags.js";

const SUBMISSION_BATCH_MAX = 1024;
const COMPLETION_BATCH_MAX = 1024;

export interface CloseOptions {
  /** Milliseconds to wait for operations in flight. Default 5000. */
  readonly deadlineMs?: number;
}

/**
 * Starts a driver and returns the backend over it. Throws `ERR_DRIVER_UNAVAILABLE` when the driver cannot run, and an
 * error for options that are wrong.
 *
 * @example
 * await using io = createBackend({ driver: await detect() });
 */
export function createBackend(options: BackendOptions): Backend {
  return new Backend(options);
}

/** Files, sockets, timers and buffers over one driver. Make it with `createBackend`, one per thread. */
export class Backend {
  /** The pool of buffers, and the door for foreign memory. */
  readonly buffers: BufferPool;
  readonly #dispatcher: Dispatcher;
  readonly #tracker: ResourceTracker;
  readonly #submitted = new WeakSet<object>();
  #closing: Promise<CloseReport> | undefined = undefined;

  constructor(options: BackendOptions) {
    const settings = checkBackendOptions(options);
    const { driver, onLeak, onAcceptPaused } = options;
    const counters = createCounters();
    const tellLeak = guarded(counters, onLeak);
    this.#dispatcher = new Dispatcher({
      driverName: driver.name,
      clock: settings.clock,
      operationsMax: settings.operationsMax,
      acceptedMax: settings.acceptedMax,
      slots: settings.slots,
      arena: settings.arena,
      receiveBufferBytes: settings.receiveBufferBytes,
      receiveBuffersMax: settings.receiveBuffersMax,
      counters,
      onAcceptPaused: onAcceptPaused && guarded(counters, onAcceptPaused),
      openSession: (host) =>
        driver.open(host, {
          slots: settings.slots,
          submissionBatchMax: SUBMISSION_BATCH_MAX,
          completionBatchMax: COMPLETION_BATCH_MAX,
          arenaBytes: settings.arena.bytes,
        }),
      createPool: (session, pace) =>
        new BufferPool({
          memory: session.memory,
          clock: settings.clock,
          pace,
          bytesMax: settings.poolBytesMax,
          leakDetection: settings.leakDetection,
          leakStacks: settings.leakStacks,
          onLeak: (leak) => tellLeak({ what: "buffer", ...leak }),
        }),
    });
    this.buffers = this.#dispatcher.buffers;
    this.#tracker = new ResourceTracker({
      counters: this.#dispatcher.counters,
      leakDetection: settings.leakDetection,
      leakStacks: settings.leakStacks,
      onLeak: (leak) => tellLeak({ what: "resource", ...leak }),
    });
    if (settings.leakDetection) watchForDrop(this, this.#remains(settings.leakStacks, onLeak && tellLeak));
  }

  #remains(leakStacks: boolean, onLeak: BackendOptions["onLeak"]): BackendRemains {
    const { driverName } = this.#dispatcher;
    const stack = leakStacks ? new Error("made here").stack : undefined;
    return new BackendRemains(this.#dispatcher, this.#tracker, tellOfBackend(driverName, stack, onLeak));
  }

  /** Name of the driver: `"uring"`, `"epoll"`, `"libuv"`. */
  get driver(): string {
    return this.#dispatcher.driverName;
  }

  /** What the driver can do here, per operation and feature. */
  get capabilities(): Capabilities {
    return this.#dispatcher.capabilities;
  }

  /** True once `close()` was called. */
  get closed(): boolean {
    return this.#dispatcher.requests.closed;
  }

  /**
   * Opens a file; flags as in `fs.open`, or as numbers of `fs.constants`. A FIFO waits for its other end, and holds
   * nothing up while it does. Rejects with `ENOENT`, `EACCES`, …, which carry `path`. Source: openat(2), fifo(7).
   */
  openFile(path: string | Uint8Array, flags: OpenFlags = "r", options: OpenOptions = NO_OPTIONS): Promise<File> {
    return this.#dispatcher.run(() => prepareOpen(this.#dispatcher, this.#tracker, path, flags, options));
  }

  /** Metadata of a path. Source: stat(2), lstat(2). */
  stat(path: string | Uint8Array, options: StatOptions = NO_OPTIONS): Promise<FileStat> {
    return this.#dispatcher.run(() => preparePathStat(this.#dispatcher, path, options));
  }

  /**
   * Removes the name of a file or link; the file goes with its last name and its last user. Rejects with `ENOENT`,
   * `EISDIR`, …, which carry `path`. Like all operations on paths it is not undone by an abort that comes too late:
   * whether it was done is then not told. Source: unlink(2).
   */
  unlink(path: Path, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareUnlink(this.#dispatcher, "file", path, options));
  }

  /** Removes an empty directory. Rejects with `ENOTEMPTY`, `ENOTDIR`, …, which carry `path`. Source: rmdir(2). */
  rmdir(path: Path, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareUnlink(this.#dispatcher, "directory", path, options));
  }

  /**
   * Gives a file or directory another name, in one step: whoever looks sees it under the old name or the new one.
   * Errors carry `path` and `dest`. Source: rename(2), renameat2(2).
   */
  rename(from: Path, to: Path, options: RenameOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareRename(this.#dispatcher, from, to, options));
  }

  /** Makes a directory; its parent must be there. Rejects with `EEXIST`, …, which carry `path`. Source: mkdir(2). */
  mkdir(path: Path, options: MakeDirectoryOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareMakeDirectory(this.#dispatcher, path, options));
  }

  /**
   * Gives a file one more name, on the same file system. Errors carry `path`, the file, and `dest`, the new name.
   * Source: link(2).
   */
  hardlink(existing: Path, path: Path, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareLink(this.#dispatcher, "hardlink", existing, path, options));
  }

  /**
   * Makes a symbolic link at `path` that leads to `target`, which need not be there. Errors carry `path`, the target,
   * and `dest`, the link. Source: symlink(2).
   */
  symlink(target: Path, path: Path, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareLink(this.#dispatcher, "symlink", target, path, options));
  }

  /**
   * Listens for connections within the machine, at a path. Rejects with `EADDRINUSE`, … which carry the path as
   * `address`. Needs the feature `unixSockets`; for a path that begins with a NUL, `abstractUnixSockets`.
   * Source: unix(7).
   */
  listen(options: UnixListenOptions): Promise<UnixListener>;
  /** Listens for TCP connections. Rejects with `EADDRINUSE`, … which carry `address` and `port`. */
  listen(options?: ListenOptions): Promise<TcpListener>;
  listen(options: ListenOptions | UnixListenOptions = NO_OPTIONS): Promise<TcpListener | UnixListener> {
    return promiseOfMany(this.#dispatcher.pace, () => startListen(this.#dispatcher, this.#tracker, options));
  }

  /**
   * Connects within the machine, to a path. Rejects with `ENOENT`, `ECONNREFUSED`, … which carry the path as `address`.
   * Needs the feature `unixSockets`. Source: unix(7).
   */
  connect(options: UnixConnectOptions): Promise<UnixStream>;
  /** Connects over TCP. Rejects with `ECONNREFUSED`, … which carry `address` and `port`. */
  connect(options: ConnectOptions): Promise<TcpStream>;
  connect(options: ConnectOptions | UnixConnectOptions): Promise<StreamSocket> {
    const start = () => startConnect(this.#dispatcher, this.#tracker, options);
    return promiseOfMany(this.#dispatcher.pace, () => this.#dispatcher.endings.aside(start));
  }

  /**
   * Makes a socket for datagrams over UDP and binds it. Rejects with `EADDRINUSE`, `EADDRNOTAVAIL`, … which carry
   * `address` and `port`. Needs the operation `datagram`. Source: udp(7).
   */
  bindUdp(options: BindUdpOptions = NO_OPTIONS): Promise<UdpSocket> {
    return this.#dispatcher.run(() => prepareBindUdp(this.#dispatcher, this.#tracker, options));
  }

  /**
   * Makes a file of a descriptor that the program has: one it was started with, or one that another library made (an
   * inotify, an eventfd, a pipe). When the promise resolves the descriptor is Baton's, which closes it with the file and
   * counts on nobody else reading, writing or closing it; while it is pending, and when it rejects, it is the program's
   * as before.
   *
   * The file starts at the descriptor's own position, and appends if the descriptor does. epoll and libuv need what can
   * keep a read waiting in non-blocking mode: pipes and terminals are opened once more for it, so that others who share
   * them keep their own mode; everything else has one mode for all who share it. io_uring leaves it as it is.
   *
   * Rejects with `EBADF`, with `EBUSY` when this backend has it already, with `EINVAL` for a socket, and with `ENOTSUP`
   * for what the driver cannot wait for (libuv: an eventfd or inotify in blocking mode). Needs the operation `adopt`.
   *
   * @example const stdin = await io.adoptFile(0, { label: "stdin" });
   */
  adoptFile(fd: number, options: AdoptOptions = {}): Promise<File> {
    return this.#dispatcher.run(() => prepareAdopt(this.#dispatcher, this.#tracker, "file", fd, options));
  }

  /**
   * Makes a stream of a connected stream socket (TCP or Unix-domain) that the program has, as one that a parent process
   * passed. Whose the descriptor is, and its mode: as for `adoptFile`. Rejects with
   * `EBADF`, `EBUSY`, with `ENOTSOCK` for a file, `EPROTOTYPE` for another kind of socket, `ENOTCONN` for one that is
   * not connected, `EINVAL` for one that listens. Needs the operation `adopt`.
   *
   * @example const control = (await io.adoptStream(3)) as UnixStream;
   */
  adoptStream(fd: number, options: AdoptOptions = {}): Promise<TcpStream | UnixStream> {
    return this.#dispatcher.run(() => prepareAdopt(this.#dispatcher, this.#tracker, "stream", fd, options));
  }

  /**
   * Makes a listener of a socket that listens, as a service manager passes them from descriptor 3 on
   * (sd_listen_fds(3)). Whose the descriptor is, and the errors: as for `adoptStream`. A socket file is left when the
   * listener closes: it is its maker's. Needs the operation `adopt`.
   *
   * @example const listener = await io.adoptListener(3);
   */
  adoptListener(fd: number, options: AdoptListenerOptions = {}): Promise<TcpListener | UnixListener> {
    return this.#dispatcher.run(() => prepareAdopt(this.#dispatcher, this.#tracker, "listener", fd, options));
  }

  /** A timer that can be started again and again. */
  timer(): Timer {
    // It refers to the backend, so that the backend is not dropped while one of its timers is in use.
    return new Timer(() => this.#dispatcher);
  }

  /** Resolves after `afterMs` milliseconds, never early. */
  sleep(afterMs: number, options: OperationOptions = NO_OPTIONS): Promise<void> {
    return this.#dispatcher.run(() => prepareTimer(this.#dispatcher, "sleep", { ...options, afterMs }));
  }

  /** An operation that does nothing, over the whole path: what the path itself costs. */
  nop(): Promise<void> {
    try {
      return this.#dispatcher.start(prepareNop(this.#dispatcher));
    } catch (error) {
      return this.#dispatcher.refused(error);
    }
  }

  /**
   * The low level: submits one operation given as data. Throws what is wrong with the request
   * (`ERR_REQUEST_SUBMITTED_TWICE` when the same object is in flight); whatever happens later is in
   * `operation.done`.
   *
   * @example const operation = io.submit({ opcode: "read", file, buffer, position: 0 });
   */
  submit<B extends Lendable, R extends Request<B>>(request: R & Checked<R>): Operation<ResultOf<R>> {
    if (typeof request === "object" && request !== null && this.#submitted.has(request)) {
      throw batonError("ERR_REQUEST_SUBMITTED_TWICE", "submit: this request object is in flight.");
    }
    const entry = prepareRequest(this.#dispatcher, this.#tracker, request);
    this.#submitted.add(request);
    return new Operation<ResultOf<R>>(this.#dispatcher, entry, () => this.#submitted.delete(request));
  }

  /**
   * Submits several requests in one go and waits for all of them; none fails the others. Results stand in the order
   * of the requests. A request that is refused is a rejected result like any other.
   */
  batch<const R extends readonly Request[]>(
    requests: R & { readonly [K in keyof R]: Checked<R[K]> },
  ): Promise<{ -readonly [K in keyof R]: PromiseSettledResult<ResultOf<R[K]>> }> {
    let list: readonly Request[];
    try {
      list = copyRequests("batch", requests);
    } catch (error) {
      return this.#dispatcher.refused(error);
    }
    const results = list.map((request) => {
      try {
        return this.submit(request).done;
      } catch (error) {
        return Promise.reject(error);
      }
    });
    // Before the flush, so that no rejection goes unhandled whatever the flush does.
    const settled = Promise.allSettled(results);
    this.#dispatcher.flush.flushNow();
    return this.#dispatcher.pace.paced(settled) as Promise<never>;
  }

  /**
   * A chain: each operation starts only when the one before it has ended well, which for reads, writes
   * and sends means with all their bytes. When one has not, those behind it are not done and reject with `ERR_CHAIN_BROKEN`; their buffers
   * come home with the error. All buffers are lent from the start. Where the driver has links, the kernel goes from one
   * operation to the next by itself. Results stand in the order of the requests; a request that is refused refuses the
   * whole chain. At most 64.
   *
   * @example
   * await io.chain([
   *   { opcode: "write", file, buffer, position: 0 },
   *   { opcode: "fdatasync", file },
   * ]);
   */
  chain<const R extends readonly Request[]>(
    requests: R & { readonly [K in keyof R]: Checked<R[K]> },
  ): Promise<{ -readonly [K in keyof R]: PromiseSettledResult<ResultOf<R[K]>> }> {
    const entries: Entry[] = [];
    try {
      const list = copyRequests("chain", requests);
      checkInteger("chain", "requests.length", list.length, 1, CHAIN_LENGTH_MAX);
      for (const request of list) entries.push(prepareRequest(this.#dispatcher, this.#tracker, request));
      const settled = Promise.allSettled(startChain(this.#dispatcher, entries));
      return this.#dispatcher.pace.paced(settled) as Promise<never>;
    } catch (error) {
      for (const entry of entries) this.#dispatcher.requests.drop(entry);
      return this.#dispatcher.refused(error);
    }
  }

  /** What is in flight, what is open, who holds which buffer, and what was counted. */
  inspect(): Inspection {
    return inspect(this.#dispatcher, this.#tracker);
  }

  /**
   * Takes no new operation, cancels what is in flight, closes what is open and ends the driver. What is not done by
   * the deadline is left to the driver, which keeps its memory for as long as the kernel may write to it. A second
   * call rejects with `ERR_RESOURCE_CLOSED_TWICE`.
   */
  async close(options: CloseOptions = {}): Promise<CloseReport> {
    if (this.#closing !== undefined) {
      throw batonError("ERR_RESOURCE_CLOSED_TWICE", "close: the backend was closed before.");
    }
    checkOptions("close", options, { deadlineMs: true });
    const deadlineMs = checkDurationMs("close", "deadlineMs", options.deadlineMs ?? CLOSE_DEADLINE_MS_DEFAULT);
    this.#closing = closeBackend(this.#dispatcher, this.#tracker, deadlineMs);
    return this.#closing;
  }

  /** Closes with the default deadline; waits when `close()` was called before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#closing ?? this.close());
  }
}

/** A function of its own: it must not refer to the backend. */
function tellOfBackend(driver: string, stack: string | undefined, onLeak: BackendOptions["onLeak"]): () => void {
  return () => onLeak?.({ what: "backend", driver, stack });
}
