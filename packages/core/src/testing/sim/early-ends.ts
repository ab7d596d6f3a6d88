/** How the simulated kernel ends an operation early: by a cancel, by its time, by the end of the session. */
import type { Capabilities } from "@baton-io/core";
import { ERRNO, OPCODE } from "@baton-io/core/driver";
import { isCancelable, isOnDisk, isQuick } from "./abilities.js";
import { attempt } from "./attempt.js";
import type { AttemptHost } from "./attempt-host.js";
import type { Ticket } from "./ticket.js";

/** What it needs of a session. */
export interface EarlyEndHost extends AttemptHost {
  readonly capabilities: Capabilities;
  /** The session is being closed: then everything can be canceled. */
  readonly closing: boolean;
  /** One more attempt, now. */
  attempt(ticket: Ticket): void;
  /** One more attempt, later. */
  schedule(ticket: Ticket, delayUs: number): void;
  end(ticket: Ticket, result: number): void;
}

/** Cancels what can be canceled; the answer to a cancel. */
export function endEarly(host: EarlyEndHost, target: Ticket): number {
  const { dice } = host.kernel;
  const missed = () => (dice.random.chance(0.5) ? -ERRNO.ENOENT : -ERRNO.EALREADY);
  if (target.ended) return dice.happens("cancelLoses") ? 0 : -ERRNO.ENOENT;
  if (target.doomed || target.stuck || isQuick(target)) return -ERRNO.EALREADY;
  if (!host.closing && !isCancelable(host.capabilities, target)) return -ERRNO.EALREADY;
  if (isOnDisk(target) && dice.happens("cancelMisses")) return missed();
  if (target.isBehind) {
    host.end(target, -ERRNO.ECANCELED);
    return 0;
  }
  if (loseToCancel(host, target)) return 0;
  if (dice.happens("cancelMisses")) {
    target.doomed = true;
    target.stopWaiting();
    host.schedule(target, dice.delayUs());
    return missed();
  }
  if (dice.happens("cancelLoses")) {
    target.stopWaiting();
    host.kernel.timeline.cancel(target.event);
    host.attempt(target);
    if (target.ended) return 0;
  }
  target.stopWaiting();
  host.end(target, dice.profile.shuffle > 0 && dice.random.chance(0.1) ? -ERRNO.EINTR : -ERRNO.ECANCELED);
  return 0;
}

/** The time that the driver keeps for an operation is over: a cancel that nobody waits for. */
export function timeUp(host: EarlyEndHost, ticket: Ticket): void {
  const { dice } = host.kernel;
  if (ticket.ended || ticket.stuck || !isCancelable(host.capabilities, ticket)) return;
  if (isOnDisk(ticket) && dice.happens("cancelMisses")) return;
  ticket.stopWaiting();
  host.kernel.timeline.cancel(ticket.event);
  if (dice.happens("cancelLoses")) {
    host.attempt(ticket);
    if (ticket.ended) return;
    ticket.stopWaiting();
  }
  ticket.timedOut = true;
  host.end(ticket, -ERRNO.ECANCELED);
}

/** Planted bugs: the operation does what it should, and its result is lost. */
function loseToCancel(host: EarlyEndHost, target: Ticket): boolean {
  const { bug, ledger } = host.kernel;
  const loses =
    (bug === "lose-accept" && target.opcode === OPCODE.accept) ||
    (bug === "lose-bytes" && target.opcode === OPCODE.receive) ||
    (bug === "lose-send" && target.opcode === OPCODE.send);
  if (!loses) return false;
  target.stopWaiting();
  const result = attempt(host, target);
  target.stopWaiting();
  if (target.opcode === OPCODE.accept && result !== undefined && result >= 0) {
    ledger.handlesClosed++;
    host.handles.remove(result, target.auxiliary)?.close();
  }
  if (target.provided >= 0) host.giveProvidedBufferBack(target.provided);
  target.provided = -1;
  target.payload = undefined;
  host.end(target, -ERRNO.ECANCELED);
  return true;
}
