// @ts-check
/**
 * A TCP echo server on loopback, 64 bytes a message, one message in flight per connection. The process under test is
 * the server alone, on one core; the client is a process of its own on another.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runQuietly } from "../../scripts/child.mjs";
import { openDriver } from "../drivers.mjs";
import { cpuMs } from "../lanes.mjs";

const MESSAGE_BYTES = 64;
const BUFFER_BYTES = 4096;
/** For the connections to be made, before the client counts. */
const CLIENT_WARMUP_SECONDS = 0.1;
/** How many times longer than asked for a round may become. */
const LONGER_MAX = 16;
const NODE_CLIENT = fileURLToPath(new URL("../clients/echo-client.mjs", import.meta.url));

/**
 * A server that is running: where, what it has cost, and how to end it.
 *
 * @typedef {{ port: number, cpu: () => number, close: () => Promise<void> }} Server
 */

/** CPU time of this process so far, ms. */
const ownCpu = () => cpuMs({ user: 0, system: 0 });

/** @param {string} driver @returns {Promise<Server>} */
async function serveWithDriver(driver) {
  const io = await openDriver(driver);
  const listener = await io.listen({ noDelay: true });
  /** @param {import("@baton-io/core").TcpStream} stream */
  const serve = async (stream) => {
    const buffer = io.buffers.take(BUFFER_BYTES);
    try {
      for (;;) {
        const { bytesReceived } = await stream.receive(buffer);
        if (bytesReceived === 0) break;
        await stream.send(buffer, { length: bytesReceived });
      }
    } catch (error) {
      // A client that is done resets what is still on its way.
      if (!(error instanceof Error && "errno" in error)) throw error;
    } finally {
      buffer.release();
      await stream.close();
    }
  };
  const serving = (async () => {
    /** @type {Promise<void>[]} */
    const served = [];
    for await (const stream of listener) served.push(serve(stream));
    await Promise.all(served);
  })();
  return {
    port: listener.address.port,
    cpu: ownCpu,
    close: async () => {
      await listener.close();
      await serving;
      await io.close();
    },
  };
}

/** @returns {Promise<Server>} */
async function serveWithNet() {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("error", () => socket.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    port,
    cpu: ownCpu,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** CPU time of another process so far, ms: nanoseconds of each of its threads. @param {number} pid */
function cpuOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]));
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

/** The server in C; this process only starts and reads it. @param {string} program @returns {Promise<Server>} */
async function serveWithProgram(program) {
  const child = spawn(program, [String(BUFFER_BYTES)], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true || child.pid === undefined) throw new Error(`${program} did not start`);
  const { pid } = child;
  return {
    port: JSON.parse(first.value).port,
    cpu: () => cpuOf(pid),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/**
 * One round. A busy machine may not get a single message round in a short one; that says nothing, so it is repeated
 * with twice the time.
 *
 * @param {import("../case.mjs").Parameters} parameters
 * @param {Server} server
 * @param {number} durationMs
 * @returns {Promise<import("../case.mjs").Sample>}
 */
async function measureRound(parameters, server, durationMs) {
  for (let factor = 1; factor <= LONGER_MAX; factor *= 2) {
    const sample = await runClient(parameters, server, durationMs * factor);
    if (sample.operations > 0) return sample;
  }
  throw new Error(`no message came back in ${durationMs * LONGER_MAX} ms`);
}

/**
 * One run of the client.
 *
 * @param {import("../case.mjs").Parameters} parameters
 * @param {Server} server
 * @param {number} durationMs
 * @returns {Promise<import("../case.mjs").Sample>}
 */
async function runClient({ client, clientCore, connections }, server, durationMs) {
  const command = client === "" ? [process.execPath, NODE_CLIENT] : [String(client)];
  const pinned = clientCore === -1 ? command : ["taskset", "-c", String(clientCore), ...command];
  const [program, ...args] = pinned;
  const seconds = durationMs / 1000;
  const numbers = [server.port, connections, MESSAGE_BYTES, CLIENT_WARMUP_SECONDS, seconds].map(String);
  const cpuStart = server.cpu();
  const { code, stdout, output } = await runQuietly(/** @type {string} */ (program), [...args, ...numbers]);
  const cpu = server.cpu() - cpuStart;
  if (code !== 0) throw new Error(`the echo client exited with ${code}: ${output}`);
  const result = JSON.parse(stdout);
  return {
    operations: result.roundTrips,
    elapsedMs: result.seconds * 1000,
    cpuMs: cpu,
    // The server worked during the client's warm-up too, at the same rate.
    cpuOperations: (result.roundTrips * (result.seconds + CLIENT_WARMUP_SECONDS)) / result.seconds,
  };
}

const connectionCounts = [50, 500];
/** @param {number} connections */
const variantName = (connections) => `${connections} connections`;

/** @type {import("../case.mjs").Case} */
export const echo = {
  name: "echo",
  title: `TCP echo server, ${MESSAGE_BYTES} bytes a message, server on one core`,
  unit: "round trips",
  variants: connectionCounts.map((connections) => ({ name: variantName(connections), parameters: { connections } })),
  shows: "rate",
  baselines: ["node:net", "C over liburing"],
  goals: connectionCounts.flatMap((connections) => {
    const variant = variantName(connections);
    return /** @type {import("../goals.mjs").Goal[]} */ ([
      { implementation: "uring", variant, figure: "ratio", against: "C over liburing", least: 0.95 },
      { implementation: "uring", variant, figure: "ratio", against: "node:net", least: 1.5 },
      { implementation: "epoll", variant, figure: "ratio", against: "node:net", least: 1.3 },
    ]);
  }),
  oneCore: true,
  prepare: async ({ native, cores }) => {
    const client = native("echo_client");
    // The last core is the client's, the first the server's; with one core there is nothing to choose.
    const clientCore = cores.length > 1 ? /** @type {number} */ (cores.at(-1)) : -1;
    return { client: "path" in client ? client.path : "", clientCore };
  },
  implementations: ({ drivers, native }) => {
    const program = native("echo_server_uring");
    return [
      ...drivers.map((driver) => ({ name: driver, parameters: { kind: "driver", driver } })),
      "path" in program
        ? { name: "C over liburing", parameters: { kind: "program", program: program.path } }
        : { name: "C over liburing", parameters: {}, leftOut: program.missing },
      { name: "node:net", parameters: { kind: "net" } },
    ];
  },
  run: async (parameters) => {
    const { kind, driver, program } = parameters;
    const server =
      kind === "driver"
        ? await serveWithDriver(String(driver))
        : kind === "net"
          ? await serveWithNet()
          : await serveWithProgram(String(program));
    return { round: (durationMs) => measureRound(parameters, server, durationMs), close: server.close };
  },
};
