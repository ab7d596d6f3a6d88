// @ts-check
/**
 * The socket steps by a driver. What two ends do to each other takes time, so a step that depends on the other end
 * waits for what must come; it never looks whether something has come already.
 */
import { errorOutcome, fillBytes, fingerprint, SKIPPED } from "./outcome.mjs";

/** @typedef {import("@baton-io/core").Backend} Backend */
/** @typedef {import("@baton-io/core").TcpListener | import("@baton-io/core").UnixListener} Listener */
/** @typedef {import("@baton-io/core").TcpStream | import("@baton-io/core").UnixStream} Stream */
/** @typedef {Listener["address"]} Address */
/** @typedef {import("./outcome.mjs").Outcome} Outcome */
/** @typedef {import("./script.mjs").SocketStep} SocketStep */
/** @typedef {import("./script.mjs").Side} Side */

/**
 * One end of a connection: what the other end has sent and this one has not received, and whether more can come.
 *
 * @typedef {object} End
 * @property {Stream} stream
 * @property {number} coming bytes
 * @property {boolean} isEnded the other end has said that nothing follows
 * @property {boolean} hasEnded this one has
 */

/** @typedef {Record<Side, End>} Pair */

export class SocketWorld {
  /** @type {Map<number, Listener>} */
  #listeners = new Map();
  /** @type {Map<number, Pair>} */
  #pairs = new Map();

  /**
   * @param {Backend} io
   * @param {string} directory where the names of its sockets go, with a slash at the end
   */
  constructor(io, directory) {
    this.io = io;
    this.directory = directory;
  }

  /** @param {SocketStep} step @returns {Promise<Outcome>} */
  async run(step) {
    switch (step.do) {
      case "listen":
        return this.#listen(step);
      case "listenAgain": {
        const address = this.#listeners.get(step.slot)?.address;
        return address === undefined ? SKIPPED : this.#told(this.#mustFail(address, "listen"), portOf(address));
      }
      case "listenAt":
        return this.#told(this.#listenAt(step), undefined);
      case "connectAt":
        return this.#told(this.#connectAt(`${this.directory}${step.name}`), undefined);
      case "closeListener":
        return this.#closeListener(step.slot);
      case "connectNobody":
        return this.#connectNobody(step.host);
      case "pair":
        return this.#pair(step);
      default: {
        const pair = this.#pairs.get(step.slot);
        return pair === undefined ? SKIPPED : this.#told(this.#onPair(step, pair), undefined);
      }
    }
  }

  async close() {
    for (const slot of [...this.#pairs.keys()]) await this.#hangUp(slot);
    for (const listener of this.#listeners.values()) await listener.close();
  }

  /** @param {Promise<Outcome>} promise @param {number | undefined} port @returns {Promise<Outcome>} */
  async #told(promise, port) {
    try {
      return await promise;
    } catch (error) {
      return errorOutcome(error, { port, directory: this.directory });
    }
  }

  /** @param {{ slot: number, host: string }} step @returns {Promise<Outcome>} */
  async #listen({ slot, host }) {
    if (this.#listeners.has(slot)) return SKIPPED;
    const listener = await this.io.listen({ host });
    this.#listeners.set(slot, listener);
    const { address, family, port } = listener.address;
    return `${family} ${address} ${port > 0}`;
  }

  /** @param {{ slot: number, name: string }} step @returns {Promise<Outcome>} */
  async #listenAt({ slot, name }) {
    if (this.#listeners.has(slot) || this.#hasNamed()) return SKIPPED;
    const listener = await this.io.listen({ path: `${this.directory}${name}` });
    this.#listeners.set(slot, listener);
    return `at ${this.#nameOf(listener.address)}`;
  }

  /**
   * Names move, so a connection could reach another listener than is meant, which nobody watches: there is one at most.
   */
  #hasNamed() {
    return [...this.#listeners.values()].some(({ address }) => "path" in address);
  }

  /** @param {string} path @returns {Promise<Outcome>} */
  async #connectAt(path) {
    if (this.#hasNamed()) return SKIPPED;
    await (await this.io.connect({ path })).close();
    return "no error";
  }

  /** @param {number} slot @returns {Promise<Outcome>} */
  async #closeListener(slot) {
    const listener = this.#listeners.get(slot);
    if (listener === undefined) return SKIPPED;
    this.#listeners.delete(slot);
    await listener.close();
    return "closed";
  }

  /** An address as it is in every world. @param {Address} address */
  #nameOf(address) {
    if (!("path" in address)) return address.address;
    return address.path.startsWith(this.directory) ? `:${address.path.slice(this.directory.length)}` : address.path;
  }

  /**
   * @param {Address} where
   * @param {"listen" | "connect"} how
   * @returns {Promise<Outcome>}
   */
  async #mustFail(where, how) {
    const resource = await (how === "listen" ? this.io.listen(placeOf(where)) : this.#connect(where));
    await resource.close();
    return "no error";
  }

  /** @param {string} host @returns {Promise<Outcome>} */
  async #connectNobody(host) {
    // A port on which nobody listens: one that somebody has just given up.
    const listener = await this.io.listen({ host });
    const { address } = listener;
    await listener.close();
    return this.#told(this.#mustFail(address, "connect"), address.port);
  }

  /** @param {{ slot: number, listener: number }} step @returns {Promise<Outcome>} */
  async #pair({ slot, listener: from }) {
    const listener = this.#listeners.get(from);
    if (listener === undefined || this.#pairs.has(slot)) return SKIPPED;
    const { address } = listener;
    const abort = new AbortController();
    const accepting = listener.accept({ signal: abort.signal });
    try {
      const far = await this.#connect(address);
      return this.#paired(slot, far, await accepting);
    } catch (error) {
      // Somebody has removed or replaced the listener's name: then nobody comes to be accepted.
      abort.abort();
      await accepting.catch(() => undefined);
      return errorOutcome(error, { port: portOf(address), directory: this.directory });
    }
  }

  /** @param {Address} where @returns {Promise<Stream>} */
  #connect(where) {
    return "path" in where
      ? this.io.connect({ path: where.path })
      : this.io.connect({ host: where.address, port: where.port });
  }

  /** @param {number} slot @param {Stream} far @param {Stream} near */
  #paired(slot, far, near) {
    const end = (/** @type {Stream} */ stream) => ({ stream, coming: 0, isEnded: false, hasEnded: false });
    this.#pairs.set(slot, { near: end(near), far: end(far) });
    return "a pair";
  }

  /** @param {Extract<SocketStep, { slot: number }>} step @param {Pair} pair @returns {Promise<Outcome>} */
  async #onPair(step, pair) {
    switch (step.do) {
      case "send":
        return this.#send(pair[step.side], other(pair, step.side), step);
      case "receive":
        return this.#receive(pair[step.side], step.length);
      case "receiveProvided":
        return this.#receiveProvided(pair[step.side]);
      case "waitInVain":
        return this.#waitInVain(pair[step.side], step.how);
      case "shutdown": {
        if (isOver(pair)) return SKIPPED;
        await pair[step.side].stream.shutdown("send");
        pair[step.side].hasEnded = true;
        other(pair, step.side).isEnded = true;
        return "ended";
      }
      case "addresses": {
        if (isOver(pair)) return SKIPPED;
        const near = await pair.near.stream.localAddress();
        const far = await pair.far.stream.peerAddress();
        return `${JSON.stringify(near) === JSON.stringify(far)} ${near.family} ${this.#nameOf(near)}`;
      }
      case "hangUp": {
        await this.#hangUp(step.slot);
        return "closed";
      }
      default:
        return SKIPPED;
    }
  }

  /** @param {End} end @param {End} target @param {{ length: number, fill: number }} what @returns {Promise<Outcome>} */
  async #send(end, target, { length, fill }) {
    return this.#withBuffer(length, async (buffer) => {
      fillBytes(buffer.bytes, fill, 0);
      const { bytesSent } = await end.stream.send(buffer);
      target.coming += bytesSent;
      return `sent ${bytesSent}`;
    });
  }

  /** All of `length` bytes that must come; 0 at the end. @param {End} end @param {number} length */
  async #receive(end, length) {
    const wanted = Math.min(length, end.coming);
    if (wanted === 0 && !end.isEnded) return SKIPPED;
    return this.#withBuffer(Math.max(1, wanted), async (buffer) => {
      let received = 0;
      do {
        const { bytesReceived } = await end.stream.receive(buffer.slice(received, buffer.length));
        received += bytesReceived;
        if (bytesReceived === 0) break;
      } while (received < wanted);
      end.coming -= received;
      return fingerprint([buffer.bytes.subarray(0, received)]);
    });
  }

  /** Into the driver's own buffers; how the bytes are cut is its affair. @param {End} end */
  async #receiveProvided(end) {
    if (end.coming === 0 && !end.isEnded) return SKIPPED;
    /** @type {Uint8Array[]} */
    const parts = [];
    do {
      const { bytesReceived, buffer } = await end.stream.receive();
      end.coming -= bytesReceived;
      if (buffer === undefined) break;
      parts.push(buffer.bytes.slice(0, bytesReceived));
      buffer.release();
    } while (end.coming > 0);
    return fingerprint(parts);
  }

  /** @param {End} end @param {"timeout" | "cancel"} how @returns {Promise<Outcome>} */
  async #waitInVain(end, how) {
    if (end.coming > 0 || end.isEnded) return SKIPPED;
    return this.#withBuffer(10, async (buffer) => {
      if (how === "timeout") {
        await end.stream.receive(buffer, { timeoutMs: 1 });
        return "no error";
      }
      const operation = this.io.submit({ opcode: "receive", stream: end.stream, buffer });
      const done = operation.done.then(() => "no error");
      const outcome = this.#told(done, undefined);
      return `${await operation.cancel()} ${await outcome}`;
    });
  }

  /**
   * @param {number} length
   * @param {(buffer: import("@baton-io/core").OwnedBuffer) => Promise<Outcome>} use
   */
  async #withBuffer(length, use) {
    const buffer = this.io.buffers.take(length);
    try {
      return await use(buffer);
    } finally {
      buffer.release();
    }
  }

  /**
   * Closes both ends when nothing is under way: otherwise one would be reset, or not, as it happens.
   * @param {number} slot
   */
  async #hangUp(slot) {
    const pair = /** @type {Pair} */ (this.#pairs.get(slot));
    this.#pairs.delete(slot);
    await pair.near.stream.close();
    await pair.far.stream.close();
  }
}

/**
 * Both ends have ended their side. A kernel that has noticed says ENOTCONN to much, and when it notices is its affair.
 *
 * @param {Pair} pair
 */
function isOver({ near, far }) {
  return near.hasEnded && far.hasEnded;
}

/** @param {Address} address */
function portOf(address) {
  return "port" in address ? address.port : undefined;
}

/** @param {Address} address */
function placeOf(address) {
  return "path" in address ? { path: address.path } : { host: address.address, port: address.port };
}

/** @param {Pair} pair @param {Side} side */
function other(pair, side) {
  return side === "near" ? pair.far : pair.near;
}
