/**
 * Connecting to a name: its addresses are tried one after the other, each a little later than the one before it and
 * without waiting for its end, and the first connection wins. An address that does not answer costs its delay, and not
 * the minutes after which the kernel gives up. Source: RFC 8305, "Happy Eyeballs", sections 4 and 5.
 */

import { BatonError, batonError } from "../base/errors.js";
import { rejectWaiter } from "../base/rejection.js";
import { checkBoolean, checkInteger, describe } from "../base/validate.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import { type EarlyEndListener, watchEarlyEnd } from "../operation/early-end-watch.js";
import type { Entry } from "../operation/entry.js";
import { parseAddress } from "../spi/address.js";
import { ADDRESS_FAMILY } from "../spi/record.js";
import type { StreamSocket } from "./stream-socket.js";

/** How the addresses of a name are used; the names are those of `net.connect`. */
export interface NameOptions {
  /** Only addresses of this family; default 0: both. */
  readonly family?: 0 | 4 | 6;
  /** Try all addresses of a name, the families in turn; default true. With `false` only the first one is tried. */
  readonly autoSelectFamily?: boolean;
  /** Milliseconds until the next address is tried beside one that has not answered; default 250, at least 10. */
  readonly autoSelectFamilyAttemptTimeout?: number;
}

export const nameOptionNames = { family: true, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: true } as const;

/** As in Node, and what RFC 8305 recommends. */
const ATTEMPT_DELAY_MS_DEFAULT = 250;
const ATTEMPT_DELAY_MS_MIN = 10;
const ATTEMPT_DELAY_MS_MAX = 2 ** 31 - 1;

/** Which addresses are tried, and when. */
export interface RacePlan {
  readonly family: 0 | 4 | 6;
  readonly all: boolean;
  readonly attemptDelayMs: number;
}

/** Checks the options; answers them with the defaults filled in. */
export function checkNameOptions(where: string, options: NameOptions): RacePlan {
  const { family = 0, autoSelectFamily = true, autoSelectFamilyAttemptTimeout: delayMs } = options;
  if (family !== 0 && family !== 4 && family !== 6) {
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: family must be 0, 4 or 6, not ${describe(family)}.`);
  }
  return {
    family,
    all: checkBoolean(where, "autoSelectFamily", autoSelectFamily),
    attemptDelayMs: checkInteger(
      where,
      "autoSelectFamilyAttemptTimeout",
      delayMs ?? ATTEMPT_DELAY_MS_DEFAULT,
      ATTEMPT_DELAY_MS_MIN,
      ATTEMPT_DELAY_MS_MAX,
    ),
  };
}

/** The families in turn, beginning with that of the first address; within a family the order stays. */
export function inTurns(addresses: readonly string[]): readonly string[] {
  const isIpv6 = (address: string) => parseAddress(address)!.family === ADDRESS_FAMILY.ipv6;
  const first = addresses.filter((address) => isIpv6(address) === isIpv6(addresses[0]!));
  const other = addresses.filter((address) => !first.includes(address));
  return first
    .flatMap((address, index) => [address, ...other.slice(index, index + 1)])
    .concat(other.slice(first.length));
}

/** The addresses of a name that the plan allows, in the order in which they are tried. */
function toTry(addresses: readonly string[], { family, all }: RacePlan): readonly string[] {
  const wanted = family === 6 ? ADDRESS_FAMILY.ipv6 : ADDRESS_FAMILY.ipv4;
  const usable = addresses.filter((address) => {
    const parsed = parseAddress(address);
    return parsed !== undefined && (family === 0 || parsed.family === wanted);
  });
  return usable.length === 0 ? usable : all ? inTurns(usable) : usable.slice(0, 1);
}

/**
 * One connect by name, from the look-up to the first connection. The caller's signal and time count for all of it, and
 * so does the end of the backend.
 */
export class ConnectRace {
  readonly #dispatcher: Dispatcher;
  readonly #host: string;
  readonly #plan: RacePlan;
  readonly #early: EarlyEnd | undefined;
  readonly #begin: (address: string) => Entry;
  /** Attempts in flight, with the generation of each. */
  readonly #attempts = new Map<Entry, number>();
  readonly #errors: unknown[] = [];
  #addresses: readonly string[] = [];
  #next = 0;
  #delay: unknown;
  /** What the caller is told when no attempt that is still in flight wins after all. */
  #given: unknown;
  #isOver = false;
  #unwatch: () => void = () => undefined;
  #waiter!: { promise?: Promise<unknown>; resolve: (stream: StreamSocket) => void; reject: (error: unknown) => void };

  /** `begin` begins one attempt, without the caller's signal and time. */
  constructor(
    dispatcher: Dispatcher,
    race: { host: string; plan: RacePlan; early: EarlyEnd | undefined; begin: (address: string) => Entry },
  ) {
    this.#dispatcher = dispatcher;
    this.#host = race.host;
    this.#plan = race.plan;
    this.#early = race.early;
    this.#begin = race.begin;
  }

  /** Looks the name up and connects; once. */
  run(lookup: (host: string) => Promise<readonly string[]>): Promise<StreamSocket> {
    const promise = new Promise<StreamSocket>((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#unwatch = watchEarlyEnd(this.#dispatcher, "connect", this.#early, this.#endEarly);
      this.#dispatcher.onClosing.add(this.#backendCloses);
      // In a function of its own: what a driver throws rejects as well.
      Promise.resolve(this.#host)
        .then(lookup)
        .then(
          (addresses) => this.#found(addresses),
          (error: unknown) => this.#fail(error),
        );
    });
    this.#waiter.promise = promise;
    return promise;
  }

  #found(addresses: readonly string[]): void {
    // Nobody waits for the answer any more.
    if (this.#isOver) return;
    this.#addresses = toTry(addresses, this.#plan);
    if (this.#addresses.length > 0) return this.#tryNext();
    const { family } = this.#plan;
    const kind = family === 0 ? "address" : `IPv${family} address`;
    this.#fail(batonError("ERR_INVALID_ARG_VALUE", `connect: the name "${this.#host}" has no ${kind}.`));
  }

  /** Begins the next attempt, and sees to the one after it. */
  #tryNext(): void {
    const { clock } = this.#dispatcher;
    clock.clear(this.#delay);
    const address = this.#addresses[this.#next++]!;
    try {
      const entry = this.#begin(address);
      const { generation } = entry;
      entry.resolve = (stream) => this.#won(entry, stream as StreamSocket);
      entry.reject = (error) => this.#lost(entry, error);
      this.#attempts.set(entry, generation);
      this.#dispatcher.sendOff(entry);
    } catch (error) {
      // Refused here, so the others would be too.
      return this.#fail(error);
    }
    if (this.#next < this.#addresses.length) {
      this.#delay = clock.after(this.#plan.attemptDelayMs, () => this.#tryNext());
    }
  }

  #won(entry: Entry, stream: StreamSocket): void {
    this.#attempts.delete(entry);
    this.#end();
    this.#waiter.resolve(stream);
  }

  #lost(entry: Entry, error: unknown): void {
    this.#attempts.delete(entry);
    if (this.#isOver) return;
    this.#errors.push(error);
    const goesOn =
      this.#given === undefined && !this.#dispatcher.requests.closed && this.#next < this.#addresses.length;
    if (goesOn) this.#tryNext();
    else if (this.#attempts.size === 0) this.#fail(this.#given ?? this.#summary());
  }

  /**
   * The caller's signal or deadline ends it. A connection made at this moment is still the caller's, except after an
   * abort.
   */
  readonly #endEarly: EarlyEndListener = (error, cause) => {
    this.#given = error;
    this.#dispatcher.clock.clear(this.#delay);
    if (this.#attempts.size === 0 || (cause === "signal" && this.#early?.abandon === true)) return this.#fail(error);
    this.#cancelAll(cause);
  };

  readonly #backendCloses = (): void => {
    // Attempts in flight are told by the backend.
    if (this.#attempts.size > 0) return;
    const message = "connect: the backend was closed meanwhile.";
    this.#fail(batonError("ERR_BACKEND_CLOSED", message, { driver: this.#dispatcher.driverName }));
  };

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    rejectWaiter(this.#waiter, error);
  }

  /** Nothing that happens from here on matters to the caller: what still connects is closed. */
  #end(): void {
    this.#isOver = true;
    this.#unwatch();
    this.#dispatcher.clock.clear(this.#delay);
    this.#dispatcher.onClosing.delete(this.#backendCloses);
    this.#cancelAll("signal");
  }

  #cancelAll(cause: "signal" | "timeout"): void {
    for (const [entry, generation] of [...this.#attempts]) {
      if (entry.isAlive(generation)) this.#dispatcher.canceler.request(entry, cause);
    }
  }

  /** The first error; with all of them as its cause where there are several. */
  #summary(): unknown {
    const [first] = this.#errors;
    if (this.#errors.length === 1 || !(first instanceof BatonError)) return first;
    const { code, message, errno, syscall, address, port, driver } = first;
    const cause = new AggregateError(this.#errors, `All ${this.#errors.length} addresses of "${this.#host}" failed.`);
    return new BatonError(code, message, { errno, syscall, address, port, driver, cause }, "Error");
  }
}
