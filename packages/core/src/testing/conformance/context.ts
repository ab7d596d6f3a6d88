/** What a case works with: backends over the driver under test, files, connections, and ways to wait. */

import {
  type Backend,
  type BackendOptions,
  type Clock,
  createBackend,
  type Driver,
  type File,
  type Leak,
  type OpenFlags,
  type OperationInfo,
  type SocketAddress,
  systemClock,
  type TcpListener,
  type TcpStream,
  type UnixAddress,
} from "@baton-io/core";
import { batonError, type DriverSession } from "@baton-io/core/driver";
import { createDriverOracle } from "./driver-oracle.js";
import { equal, fail } from "./expect.js";
import { type Account, balance, type Expected } from "./ledger.js";
import { type ConformanceSubject, deadlinesOf, type FileOracle } from "./subject.js";
import { createWaits, type Waits } from "./waits.js";

/** Options of a backend that a case creates. */
export type CaseBackendOptions = Omit<BackendOptions, "driver" | "clock" | "onLeak">;

/** Two ends of one connection, and the listener it came through. Closing it closes all three. */
export interface Pair {
  /** The end on `io`. */
  readonly near: TcpStream;
  /** The end on `far`. */
  readonly far: TcpStream;
  readonly listener: TcpListener;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Collections while something is awaited. */
const COLLECTIONS = 2;
/** How often to look whether what was dropped has been noticed, ms. */
const COLLECT_INTERVAL_MS = 20;
/** How long backends get to close after a case has failed, ms. */
const FAILED_CLOSE_DEADLINE_MS = 200;

export class CaseContext {
  readonly subject: ConformanceSubject;
  readonly clock: Clock;
  /** What connections of the case go over. */
  transport: "tcp" | "unix" = "tcp";
  readonly #waits: Waits;
  /** How long something may take to come true, real milliseconds. */
  readonly #deadlineMs: number;
  readonly #accounts: Account[] = [];
  readonly #expected: Expected = { orphans: 0, resourcesOpen: 0, buffersOut: 0, dropped: 0 };
  readonly #atEnd: (() => Promise<void>)[] = [];
  readonly #descriptorsBefore: number | undefined;
  #io: Backend | undefined = undefined;
  #far: Backend | undefined = undefined;
  #oracle: FileOracle | undefined = undefined;

  constructor(subject: ConformanceSubject) {
    this.subject = subject;
    this.clock = subject.clock ?? systemClock;
    this.#deadlineMs = deadlinesOf(subject).waitDeadlineMs;
    this.#waits = createWaits(this.clock, { virtual: subject.clock !== undefined, deadlineMs: this.#deadlineMs });
    this.#descriptorsBefore = subject.countDescriptors?.();
  }

  // --- backends -----------------------------------------------------------------------------------------------------

  /** The backend of the case, created when it is first asked for. */
  get io(): Backend {
    this.#io ??= this.#create(this.subject, {}, this.#expected);
    return this.#io;
  }

  /** The backend at the other end of connections: over the peer's driver where there is one, otherwise `io`. */
  get far(): Backend {
    const { peer } = this.subject;
    if (peer === undefined) return this.#far ?? this.io;
    this.#far ??= this.#create(peer, {});
    return this.#far;
  }

  /** Makes `far` a backend of its own where it is not one anyway: for cases that close `io` and go on at the other end. */
  useOtherFar(): void {
    this.#far ??= this.#create(this.subject.peer ?? this.subject, {});
  }

  /** Creates `io` with options of its own. */
  open(options: CaseBackendOptions): Backend {
    this.#io = this.#create(this.subject, options, this.#expected);
    return this.#io;
  }

  /** One more backend over the driver under test, which looks names up like this. */
  openWithNames(lookup: (host: string) => Promise<readonly string[]>): Backend {
    return this.#create(
      this.#altered((session) => Object.defineProperty(session, "lookup", { value: lookup })),
      {},
    );
  }

  /** Creates `io` over the driver under test, on a system that has no memory for buffers while `lacks` says so. */
  openWithoutMemory(lacks: () => boolean): Backend {
    const altered = this.#altered(({ memory }) => {
      const allocate = memory.allocate.bind(memory);
      const value: typeof allocate = (bytes, count) => {
        if (lacks()) throw batonError("ERR_POOL_EMPTY", "There is no memory.");
        return allocate(bytes, count);
      };
      Object.defineProperty(memory, "allocate", { value });
    });
    this.#io = this.#create(altered, {}, this.#expected);
    return this.#io;
  }

  /** The subject, with a driver to whose sessions something is done. */
  #altered(alter: (session: DriverSession) => void): ConformanceSubject {
    const { subject } = this;
    const createDriver = (): Driver => {
      const driver = subject.createDriver();
      const open: Driver["open"] = (host, limits) => {
        const session = driver.open(host, limits);
        alter(session);
        return session;
      };
      return { name: driver.name, probe: () => driver.probe(), open };
    };
    return { ...subject, createDriver };
  }

  /**
   * One more backend over the driver under test, that nothing refers to but what `use` keeps. Answers that, and what is
   * told of things that are dropped, the backend among them.
   */
  async droppable<T>(
    use: (backend: Backend) => T,
    options: CaseBackendOptions = {},
  ): Promise<{ readonly used: Awaited<T>; readonly leaks: readonly Leak[] }> {
    const { backend, leaks } = this.#make(this.subject, options);
    return { used: await use(backend), leaks };
  }

  /** One more backend over the driver under test. */
  another(options: CaseBackendOptions = {}): Backend {
    return this.#create(this.subject, options);
  }

  #create(
    subject: ConformanceSubject,
    options: CaseBackendOptions,
    expected: Expected = { orphans: 0, resourcesOpen: 0, buffersOut: 0, dropped: 0 },
  ): Backend {
    const { backend, leaks } = this.#make(subject, options);
    this.#accounts.push({ backend, expected, leaks });
    return backend;
  }

  #make(subject: ConformanceSubject, options: CaseBackendOptions): { backend: Backend; leaks: readonly Leak[] } {
    const leaks: Leak[] = [];
    const backend = createBackend({
      ...subject.options,
      ...options,
      driver: subject.createDriver(),
      clock: subject.clock ?? systemClock,
      onLeak: (leak) => leaks.push(leak),
    });
    return { backend, leaks };
  }

  /** What `io` is expected to have left behind at the end; zero of everything unless a case says so. */
  expect(expected: Partial<Expected>): void {
    Object.assign(this.#expected, expected);
  }

  // --- files --------------------------------------------------------------------------------------------------------

  /** A path where nothing is yet. */
  path(name = "file"): string {
    return this.subject.scratchPath(name);
  }

  get #files(): FileOracle {
    this.#oracle ??= this.subject.oracle ?? createDriverOracle(this.io);
    return this.#oracle;
  }

  /** Makes a file, not by the driver under test where there is another way; returns its path. */
  async givenFile(content: Uint8Array | string): Promise<string> {
    const path = this.path();
    await this.#files.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return path;
  }

  /** What is in a file, not by the driver under test where there is another way. */
  contentOf(path: string): Promise<Uint8Array> {
    return this.#files.readFile(path);
  }

  /** The same as text. */
  async textOf(path: string): Promise<string> {
    return new TextDecoder().decode(await this.contentOf(path));
  }

  /** Makes a file and opens it with the driver under test. */
  async openFile(content: Uint8Array | string, flags: OpenFlags = "r+"): Promise<File> {
    return this.io.openFile(await this.givenFile(content), flags);
  }

  // --- connections --------------------------------------------------------------------------------------------------

  /**
   * A listener of `io`. Over Unix-domain sockets it is a `UnixListener`, which for all that is asked of it here is the
   * same; what differs has cases of its own.
   */
  async listen(): Promise<TcpListener> {
    if (this.transport === "tcp") return this.io.listen();
    return (await this.io.listen({ path: this.path("socket") })) as unknown as TcpListener;
  }

  /** Connects `far` to a listener of `io`. */
  async connectTo(listener: TcpListener): Promise<TcpStream> {
    const address = listener.address as SocketAddress | UnixAddress;
    if (address.family === "unix") return (await this.far.connect({ path: address.path })) as unknown as TcpStream;
    return this.far.connect({ host: listener.address.address, port: listener.address.port });
  }

  /** Two connected ends: `near` was accepted by `io`, `far` connected to it. */
  async pair(): Promise<Pair> {
    const listener = await this.listen();
    const [near, far] = await Promise.all([listener.accept(), this.connectTo(listener)]);
    return {
      near,
      far,
      listener,
      [Symbol.asyncDispose]: async () => {
        for (const resource of [near, far, listener]) await resource[Symbol.asyncDispose]();
      },
    };
  }

  // --- waiting ------------------------------------------------------------------------------------------------------

  /** One turn of the event loop, or several. */
  turn(count?: number): Promise<void> {
    return this.#waits.turn(count);
  }

  /** Turns until the condition holds; `what` completes "expected …". */
  until(condition: () => boolean, what: string): Promise<void> {
    return this.#waits.until(condition, what);
  }

  /** Until the driver has the operation, or it has ended. */
  async untilTaken(operation: { readonly state: OperationInfo["state"] }): Promise<void> {
    await this.flush();
    await this.until(() => operation.state !== "queued", "the driver to take the operation");
  }

  /** Milliseconds of the driver's time. */
  after(delayMs: number): Promise<void> {
    return this.#waits.after(delayMs);
  }

  /** Collects garbage, several times: what was dropped is noticed by and by. */
  async collect(): Promise<void> {
    for (let round = 0; round < COLLECTIONS; round++) await this.#collectOnce();
  }

  /** Collects garbage until the condition holds; `what` completes "expected …". */
  async collectUntil(condition: () => boolean, what: string | (() => string)): Promise<void> {
    const endMs = performance.now() + this.#deadlineMs;
    while (!condition()) {
      if (performance.now() > endMs) fail(`expected ${typeof what === "string" ? what : what()}`);
      await this.#collectOnce();
      // What nobody waits for any more is ended after a while.
      await this.after(COLLECT_INTERVAL_MS);
    }
  }

  async #collectOnce(): Promise<void> {
    this.subject.collectGarbage?.();
    // Finalizers run in a turn of the real event loop; what they start goes on in the driver's time.
    await new Promise<void>((resolve) => setTimeout(resolve));
    await this.turn();
  }

  /** Hands over now what is queued on `io`, so that what was just asked for is with the driver. */
  async flush(): Promise<void> {
    await this.io.batch([]);
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  /** Runs when the case is over, before its ledger is balanced. */
  atEnd(cleanUp: () => Promise<void>): void {
    this.#atEnd.push(cleanUp);
  }

  /** Balances the ledger: see `ledger.ts`. */
  async balance(): Promise<void> {
    for (const cleanUp of this.#atEnd) await cleanUp();
    for (const account of this.#accounts) await balance(account, this.#waits);
    const before = this.#descriptorsBefore;
    if (before === undefined) return;
    const count = () => this.subject.countDescriptors?.() ?? before;
    await this.#waits.until(
      () => count() <= before,
      () => `${before} descriptors to be open as before, and there are ${count()}`,
    );
    equal(count() <= before, true, "that no descriptor was left open");
  }

  /** Closes what there is after a failure, without asking whether it is in order. */
  async discard(): Promise<void> {
    for (const cleanUp of this.#atEnd) await cleanUp().catch(() => undefined);
    for (const { backend } of this.#accounts) {
      if (!backend.closed) await backend.close({ deadlineMs: FAILED_CLOSE_DEADLINE_MS }).catch(() => undefined);
    }
  }

  /** What is in flight in all backends, for the message of a case that hangs. */
  describe(): string {
    return this.#accounts
      .map(({ backend }) =>
        JSON.stringify(backend.inspect(), (_key, value) => (typeof value === "bigint" ? `${value}` : value)),
      )
      .join("\n");
  }
}
