/**
 * Datagram sockets in memory. A datagram travels by itself: it may be lost, and where the profile says so, overtaken.
 * One that finds the receive buffer full is dropped.
 */

import type { SocketAddress } from "@baton-io/core";
import { ERRNO, POLL_EVENT } from "@baton-io/core/driver";
import { EVENT_KIND } from "./event-hash.js";
import type { Machine } from "./machine.js";
import { type WaitList, wakeAll } from "./wait-list.js";

/** Longest content of a datagram: 65,535 bytes less the headers, of which IPv6 does not count its own. */
const BYTES_MAX = { ipv4: 65_507, ipv6: 65_527 } as const;

/** A datagram that has arrived. */
export interface Message {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: SocketAddress;
}

export class SimDatagram {
  readonly kind = "datagram";
  readonly address: SocketAddress;
  /** `SOCKET_OPTION` bits. */
  readonly options: number;
  readonly receivers: WaitList = [];
  readonly #machine: Machine;
  readonly #forget: () => void;
  readonly #messages: Message[] = [];
  #bytes = 0;
  #lastArrivalUs = 0;
  #closed = false;

  constructor(machine: Machine, address: SocketAddress, options: number, forget: () => void) {
    this.#machine = machine;
    this.#forget = forget;
    this.address = address;
    this.options = options;
  }

  /** One attempt to send to `target`, of which nobody may know: the bytes, or a negative errno. */
  send(bytes: Uint8Array, target: SimDatagram | undefined, from: SocketAddress): number {
    const { ledger, dice, timeline, hash } = this.#machine;
    if (bytes.length > BYTES_MAX[from.family]) return -ERRNO.EMSGSIZE;
    ledger.datagramsSent++;
    if (target === undefined || dice.happens("datagramLost")) {
      ledger.datagramsLost++;
      return bytes.length;
    }
    const message: Message = { bytes: bytes.slice(), from };
    const lateUs = dice.happens("datagramOvertaken") ? 1000 + dice.networkDelayUs() : 0;
    let arrivalUs = timeline.nowUs + dice.networkDelayUs() + lateUs;
    if (lateUs === 0) {
      arrivalUs = Math.max(arrivalUs, target.#lastArrivalUs);
      target.#lastArrivalUs = arrivalUs;
    }
    ledger.datagramsUnderWay++;
    if (arrivalUs === timeline.nowUs) target.#arrive(message);
    else {
      timeline.schedule(arrivalUs - timeline.nowUs, () => {
        hash.event(EVENT_KIND.network, 0, 0, 0, bytes.length, timeline.nowUs);
        target.#arrive(message);
      });
    }
    return bytes.length;
  }

  /** The next datagram that has arrived. */
  receive(): Message | undefined {
    const message = this.#messages.shift();
    if (message === undefined) return undefined;
    const { ledger, bug } = this.#machine;
    this.#bytes -= message.bytes.length;
    ledger.datagramsUnderWay--;
    ledger.datagramsReceived++;
    const [next] = this.#messages;
    if (bug === "datagrams-merged" && next !== undefined) {
      this.#messages.shift();
      ledger.datagramsUnderWay--;
      ledger.datagramsReceived++;
      const bytes = new Uint8Array([...message.bytes, ...next.bytes]);
      return { bytes, from: message.from };
    }
    return message;
  }

  /** `POLL_EVENT` bits. */
  get events(): number {
    return POLL_EVENT.writable | (this.#messages.length > 0 ? POLL_EVENT.readable : 0);
  }

  /** Nobody receives any more. */
  close(): void {
    this.#closed = true;
    const { ledger } = this.#machine;
    this.#forget();
    ledger.datagramsUnderWay -= this.#messages.length;
    ledger.datagramsLost += this.#messages.length;
    this.#messages.length = 0;
  }

  #arrive(message: Message): void {
    const { ledger, socketBufferBytes } = this.#machine;
    if (this.#closed || this.#bytes + message.bytes.length > socketBufferBytes) {
      ledger.datagramsUnderWay--;
      ledger.datagramsLost++;
      return;
    }
    this.#messages.push(message);
    this.#bytes += message.bytes.length;
    wakeAll(this.receivers);
  }
}
