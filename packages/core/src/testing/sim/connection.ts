/**
 * A TCP connection in memory: two ends, and a byte stream in each direction with bounded room. Bytes, the end of a
 * stream and a reset travel in order and take time; what has arrived before a reset can still be received.
 */
import { ERRNO, POLL_EVENT } from "@baton-io/core/driver";
import type { SimAddress } from "./addresses.js";
import type { EndBook } from "./connection-books.js";
import { EVENT_KIND } from "./event-hash.js";
import { STALL_US } from "./faults.js";
import type { Machine } from "./machine.js";
import { type WaitList, wakeAll } from "./wait-list.js";

/** What travels: that many bytes, or the end of the stream, or a reset. */
type Parcel = number | "end" | "reset";

/** One direction of a connection. */
class Pipe {
  readonly chunks: Uint8Array[] = [];
  /** Bytes in `chunks`, under way or arrived. */
  buffered = 0;
  /** Bytes that can be received. */
  arrived = 0;
  /** The sending end has said that nothing follows. */
  endSent = false;
  endArrived = false;
  /** On their way, in order: nothing overtakes anything. */
  readonly parcels: { readonly to: Endpoint; readonly parcel: Parcel }[] = [];
  lastArrivalUs = 0;

  /** Takes up to `count` arrived bytes out. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.min(count, this.arrived));
    let filled = 0;
    while (filled < bytes.length) {
      const chunk = this.chunks[0]!;
      const part = chunk.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(part.length);
    }
    this.buffered -= filled;
    this.arrived -= filled;
    return bytes;
  }
}

/** One end of a connection. */
export class Endpoint {
  readonly kind = "stream";
  readonly local: SimAddress;
  readonly remote: SimAddress;
  /** Port of the end that connected, 0 for one without: tells connections apart. */
  readonly clientPort: number;
  /** Receives and sends that wait. */
  readonly receivers: WaitList = [];
  readonly senders: WaitList = [];
  readonly book: EndBook = { accepted: 0, received: 0, receivable: undefined };
  readonly #machine: Machine;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  #peer: Endpoint | undefined = undefined;
  /** Told to one operation, as `SO_ERROR` is. */
  #error = 0;
  #isReset = false;
  /**
   * A splice has moved a part and is behind the rest: the reset that ends it is told to nobody. Source:
   * splice_to_socket() of Linux.
   */
  splicesOn = false;
  #receiveEnded = false;
  #closed = false;
  /** Until then the other end takes nothing. */
  #stalledUntilUs = 0;

  private constructor(
    machine: Machine,
    ends: { readonly local: SimAddress; readonly remote: SimAddress; readonly clientPort: number },
    incoming: Pipe,
    outgoing: Pipe,
  ) {
    this.#machine = machine;
    this.local = ends.local;
    this.remote = ends.remote;
    this.clientPort = ends.clientPort;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  /** Both ends of a new connection. */
  static pair(machine: Machine, client: SimAddress, server: SimAddress): [Endpoint, Endpoint] {
    const there = new Pipe();
    const back = new Pipe();
    const clientPort = client.family === "unix" ? 0 : client.port;
    const one = new Endpoint(machine, { local: client, remote: server, clientPort }, back, there);
    const other = new Endpoint(machine, { local: server, remote: client, clientPort }, there, back);
    one.#peer = other;
    other.#peer = one;
    if (clientPort !== 0) machine.connections.ends.set(clientPort, { client: one.book, server: other.book });
    return [one, other];
  }

  /** One attempt to send: bytes taken, a negative errno, or `undefined` when there is no room. */
  send(bytes: Uint8Array): number | undefined {
    this.splicesOn = false;
    if (this.#error !== 0) return this.#takeError();
    if (this.#outgoing.endSent || this.#isReset) return -ERRNO.EPIPE;
    if (bytes.length === 0) return 0;
    const { ledger, dice, socketBufferBytes } = this.#machine;
    if (dice.happens("reset")) {
      this.reset();
      return this.#takeError();
    }
    const room = socketBufferBytes - this.#outgoing.buffered;
    if (room <= 0 || this.#stalls()) return undefined;
    const count = dice.shortened(Math.min(room, bytes.length));
    ledger.bytesSent += count;
    this.book.accepted += count;
    const peer = this.#peer!;
    if (peer.#closed) {
      // Nobody is there: the kernel finds out when the answer comes back.
      ledger.bytesDiscarded += count;
      this.#travel(this.#incoming, this, "reset");
      return count;
    }
    const pipe = this.#outgoing;
    pipe.chunks.push(bytes.slice(0, count));
    pipe.buffered += count;
    ledger.bytesUnderWay += count;
    if (this.#machine.bug === "reorder-bytes" && pipe.chunks.length > 1 && dice.random.chance(0.2)) {
      pipe.chunks.push(pipe.chunks.splice(-2, 1)[0]!);
    }
    this.#travel(pipe, peer, count);
    if (!this.#isReset && dice.happens("resetAfterSend")) {
      this.reset();
      if (this.#machine.bug === "reset-sends-count-all") return bytes.length;
    }
    return count;
  }

  /** The other end reads nothing for a while. */
  #stalls(): boolean {
    const { dice, timeline } = this.#machine;
    if (this.#stalledUntilUs > timeline.nowUs) return true;
    if (!dice.happens("stalled")) return false;
    this.#stalledUntilUs = timeline.nowUs + STALL_US;
    timeline.schedule(STALL_US, () => wakeAll(this.senders));
    return true;
  }

  /**
   * One attempt to receive: bytes, 0 at the end of the stream, a negative errno, or `undefined` when there are none.
   */
  receive(count: number): Uint8Array<ArrayBuffer> | number | undefined {
    if (count === 0) return 0;
    const pipe = this.#incoming;
    const { ledger, dice } = this.#machine;
    if (pipe.arrived > 0) {
      if (dice.happens("reset")) this.reset();
      const bytes = pipe.take(dice.shortened(Math.min(count, pipe.arrived)));
      ledger.bytesUnderWay -= bytes.length;
      ledger.bytesReceived += bytes.length;
      this.book.received += bytes.length;
      wakeAll(this.#peer!.senders);
      return bytes;
    }
    if (this.#error !== 0) return this.#machine.bug === "reset-is-an-end" ? 0 : this.#takeError();
    return pipe.endArrived || this.#receiveEnded || this.#isReset ? 0 : undefined;
  }

  /** Reset, or ended from both sides: it is connected to nobody any more. */
  get isOver(): boolean {
    return this.#isReset || (this.#outgoing.endSent && this.#incoming.endArrived);
  }

  /** `POLL_EVENT` bits. */
  get events(): number {
    const pipe = this.#incoming;
    const isEnded = pipe.endArrived || this.#receiveEnded || this.#isReset;
    const room = this.#machine.socketBufferBytes - this.#outgoing.buffered;
    const cannotSend = this.#outgoing.endSent || this.#isReset;
    return (
      (pipe.arrived > 0 || isEnded ? POLL_EVENT.readable : 0) |
      (room > 0 || cannotSend ? POLL_EVENT.writable : 0) |
      (this.#error !== 0 ? POLL_EVENT.error : 0) |
      (this.isOver ? POLL_EVENT.hangUp : 0)
    );
  }

  /** Bytes that could be received now. */
  get readable(): number {
    return this.#incoming.arrived;
  }

  /** Gives up bytes that were received: a planted bug's work. */
  discardReceived(count: number): void {
    const { ledger } = this.#machine;
    ledger.bytesReceived -= count;
    ledger.bytesDiscarded += count;
  }

  /** Ends one or both directions; `how` as for shutdown(2). */
  shutdown(how: number): number {
    if (this.isOver) return -ERRNO.ENOTCONN;
    if (how !== 1) {
      this.#receiveEnded = true;
      wakeAll(this.receivers);
    }
    if (how !== 0) this.#endSending();
    return 0;
  }

  /** The last handle is gone and the last operation has ended. */
  close(): void {
    this.#closed = true;
    const unread = this.#incoming.buffered;
    this.#discard(this.#incoming);
    // A peer whose bytes nobody will read is told so by a reset.
    if (unread > 0) this.#travel(this.#outgoing, this.#peer!, "reset");
    else this.#endSending();
    wakeAll(this.#peer!.senders);
  }

  /** This end was never accepted: the other one is reset. */
  abort(): void {
    this.#machine.connections.broken.add(this.clientPort);
    this.#closed = true;
    this.#discard(this.#incoming);
    this.#outgoing.endSent = true;
    this.#travel(this.#outgoing, this.#peer!, "reset");
    wakeAll(this.#peer!.senders);
  }

  /** The network ends the connection. What has arrived can still be received, what is under way is lost. */
  reset(): void {
    const { ledger } = this.#machine;
    ledger.connectionsReset++;
    this.#machine.connections.broken.add(this.clientPort);
    for (const end of [this, this.#peer!]) {
      const pipe = end.#incoming;
      const lost = pipe.buffered - pipe.arrived;
      ledger.bytesDiscarded += lost;
      ledger.bytesUnderWay -= lost;
      const arrived = pipe.arrived;
      const kept = pipe.take(arrived);
      pipe.chunks.length = 0;
      if (kept.length > 0) pipe.chunks.push(kept);
      pipe.buffered = arrived;
      pipe.arrived = arrived;
      end.#meetReset();
    }
  }

  #endSending(): void {
    if (this.#outgoing.endSent) return;
    this.#outgoing.endSent = true;
    this.#travel(this.#outgoing, this.#peer!, "end");
    wakeAll(this.senders);
  }

  #meetReset(): void {
    if (this.#isReset) return;
    this.#isReset = true;
    this.book.receivable = this.book.received + this.#incoming.arrived;
    this.#error = this.splicesOn ? 0 : -ERRNO.ECONNRESET;
    wakeAll(this.receivers);
    wakeAll(this.senders);
  }

  #takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  #discard(pipe: Pipe): void {
    const { ledger } = this.#machine;
    ledger.bytesDiscarded += pipe.buffered;
    ledger.bytesUnderWay -= pipe.buffered;
    pipe.chunks.length = 0;
    pipe.buffered = 0;
    pipe.arrived = 0;
  }

  #travel(pipe: Pipe, to: Endpoint, parcel: Parcel): void {
    const { timeline, dice, hash } = this.#machine;
    const arrivalUs = Math.max(pipe.lastArrivalUs, timeline.nowUs + dice.networkDelayUs());
    pipe.lastArrivalUs = arrivalUs;
    if (arrivalUs === timeline.nowUs && pipe.parcels.length === 0) return to.#arrive(pipe, parcel);
    pipe.parcels.push({ to, parcel });
    timeline.schedule(arrivalUs - timeline.nowUs, () => {
      const next = pipe.parcels.shift()!;
      const result = typeof next.parcel === "number" ? next.parcel : -1;
      hash.event(EVENT_KIND.network, 0, 0, 0, result, timeline.nowUs);
      next.to.#arrive(pipe, next.parcel);
    });
  }

  #arrive(pipe: Pipe, parcel: Parcel): void {
    if (parcel === "reset") return this.#meetReset();
    // What comes to an end that has shut both sides is for nobody. Source: tcp_rcv_state_process() of Linux.
    if (parcel !== "end" && this.#receiveEnded && this.#outgoing.endSent && !this.#isReset) return this.reset();
    if (parcel === "end") pipe.endArrived = true;
    // A reset or a close may have discarded what was under way.
    else pipe.arrived = Math.min(pipe.buffered, pipe.arrived + parcel);
    wakeAll(this.receivers);
    if (pipe.arrived > 0 && !this.#isReset && this.#machine.dice.happens("resetBehindBytes")) this.reset();
  }
}
