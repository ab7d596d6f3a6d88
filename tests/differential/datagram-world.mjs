// @ts-check
/** The datagram steps by a driver. On this machine, and as few as these, none is lost and none overtakes another. */
import { errorOutcome, fillBytes, fingerprint, SKIPPED } from "./outcome.mjs";

/** @typedef {import("@baton-io/core").Backend} Backend */
/** @typedef {import("@baton-io/core").UdpSocket} UdpSocket */
/** @typedef {import("./outcome.mjs").Outcome} Outcome */
/** @typedef {import("./script.mjs").DatagramStep} DatagramStep */

export class DatagramWorld {
  /**
   * Sockets, and how many datagrams each has been sent and has not received.
   * @type {Map<number, { socket: UdpSocket, coming: number }>}
   */
  #sockets = new Map();

  /** @param {Backend} io */
  constructor(io) {
    this.io = io;
  }

  /** @param {DatagramStep} step @returns {Promise<Outcome>} */
  async run(step) {
    const port = this.#sockets.get(step.do === "post" ? step.to : step.slot)?.socket.address.port;
    try {
      return await this.#run(step);
    } catch (error) {
      return errorOutcome(error, { port });
    }
  }

  async close() {
    for (const { socket } of this.#sockets.values()) await socket.close();
  }

  /** @param {DatagramStep} step @returns {Promise<Outcome>} */
  async #run(step) {
    const there = this.#sockets.get(step.slot);
    if (step.do === "bind") {
      if (there !== undefined) return SKIPPED;
      const socket = await this.io.bindUdp({ host: step.host });
      this.#sockets.set(step.slot, { socket, coming: 0 });
      const { family, address, port } = socket.address;
      return `${family} ${address} ${port > 0}`;
    }
    if (there === undefined) return SKIPPED;
    switch (step.do) {
      case "bindAgain": {
        const { address: host, port } = there.socket.address;
        await (await this.io.bindUdp({ host, port })).close();
        return "no error";
      }
      case "post": {
        const target = this.#sockets.get(step.to);
        if (target === undefined || target.socket.address.family !== there.socket.address.family) return SKIPPED;
        return this.#post(there.socket, target, step);
      }
      case "collect":
        return there.coming === 0 ? SKIPPED : this.#collect(there, step.length, undefined);
      case "collectInVain":
        return there.coming > 0 ? SKIPPED : this.#collect(there, 10, 1);
    }
  }

  /**
   * @param {UdpSocket} socket
   * @param {{ socket: UdpSocket, coming: number }} target
   * @param {{ length: number, fill: number }} what
   */
  async #post(socket, target, { length, fill }) {
    const { address, port } = target.socket.address;
    const buffer = this.io.buffers.take(Math.max(1, length));
    try {
      fillBytes(buffer.bytes, fill, 0);
      const { bytesSent } = await socket.send(buffer, { address, port, length });
      target.coming++;
      return `sent ${bytesSent}`;
    } finally {
      buffer.release();
    }
  }

  /** @param {{ socket: UdpSocket, coming: number }} end @param {number} length @param {number | undefined} timeoutMs */
  async #collect(end, length, timeoutMs) {
    const buffer = this.io.buffers.take(length);
    try {
      const result = await end.socket.receive(buffer, timeoutMs === undefined ? {} : { timeoutMs });
      end.coming--;
      const { bytesReceived, address, truncated } = result;
      const from = [...this.#sockets].find(([, { socket }]) => socket.address.port === address.port)?.[0];
      const bytes = fingerprint([buffer.bytes.subarray(0, bytesReceived)]);
      return `${bytes} from ${from} at ${address.address}${truncated ? ", truncated" : ""}`;
    } finally {
      buffer.release();
    }
  }
}
