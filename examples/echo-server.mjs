// @ts-check
// A TCP echo server. Connections that are idle hold no buffer: the driver takes a provided one when bytes arrive.
//
//   node examples/echo-server.mjs [PORT]      and then, elsewhere:  nc 127.0.0.1 PORT
import { openBackend } from "@baton-io/detect";

const io = await openBackend();
const listener = await io.listen({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0) });
console.log(`${io.driver}: listening on 127.0.0.1:${listener.address.port}`);

let served = 0;
const open = new Set();

/** Sends back what comes until the peer has ended its side. */
async function echo(/** @type {import("@baton-io/core").TcpStream} */ stream) {
  for (;;) {
    const { bytesReceived, buffer } = await stream.receive();
    if (buffer === undefined) return;
    try {
      await stream.send(buffer, { length: bytesReceived });
    } finally {
      buffer.release();
    }
  }
}

async function serve(/** @type {import("@baton-io/core").TcpStream} */ stream) {
  open.add(stream);
  try {
    await echo(stream);
    served++;
  } catch (error) {
    // One connection's trouble (a reset, say) is not the server's.
    console.error(/** @type {Error} */ (error).message);
  } finally {
    open.delete(stream);
    await stream[Symbol.asyncDispose]();
  }
}

for (const name of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  // Stop accepting; the loop below ends, and with it the program.
  process.once(name, () => listener.close());
}

for await (const stream of listener) void serve(stream);

const { counters } = io.inspect();
const { resourcesClosed, buffersOut } = await io.close({ deadlineMs: 2000 });
console.log(`served ${served}, closed ${resourcesClosed} that were open, ${buffersOut} buffers out`);
console.log(`${counters.completed} operations in ${counters.driverCalls} calls of the driver`);
