// @ts-check
/**
 * An echo client over node:net, for machines where the one in C cannot be built; same arguments, same answer. Keeps one
 * message in flight on each connection, checks every byte that comes back, and counts round trips.
 *
 *   node echo-client.mjs PORT CONNECTIONS MESSAGE_BYTES WARMUP_SECONDS SECONDS
 */
import { connect } from "node:net";

const [port = 0, connections = 0, messageBytes = 0, warmupSeconds = 0, seconds = 0] = process.argv.slice(2).map(Number);

let trips = 0;
/** Set when the time is over: what is in flight comes back, and then the connection ends. */
let draining = false;

/** @param {number} number @returns {Promise<{ start: () => void, ended: Promise<void> }>} */
function openConnection(number) {
  return new Promise((resolve, reject) => {
    const message = Buffer.alloc(messageBytes, number);
    let received = 0;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const ended = new Promise((settle, fail) => {
      socket.on("close", () => (draining ? settle(undefined) : fail(new Error("the server ended a connection"))));
    });
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      if (!bytes.equals(message.subarray(received, received + bytes.length))) {
        throw new Error("a wrong byte came back");
      }
      received += bytes.length;
      if (received < messageBytes) return;
      received = 0;
      trips++;
      if (draining) socket.end();
      else socket.write(message);
    });
    socket.on("connect", () => resolve({ start: () => socket.write(message), ended: /** @type {any} */ (ended) }));
  });
}

/** @param {number} duration */
const after = (duration) => new Promise((resolve) => setTimeout(resolve, duration * 1000));

const open = await Promise.all(Array.from({ length: connections }, (_, number) => openConnection(number)));
for (const connection of open) connection.start();
await after(warmupSeconds);
const before = trips;
const startMs = performance.now();
await after(seconds);
const counted = trips - before;
const elapsed = (performance.now() - startMs) / 1000;
draining = true;
await Promise.all(open.map(({ ended }) => ended));
console.log(JSON.stringify({ roundTrips: counted, seconds: elapsed }));
