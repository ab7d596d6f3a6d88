// @ts-check
// What Baton refuses, and what it does instead of losing something. It talks to itself only.
//
//   node examples/safety.mjs
import { openBackend } from "@baton-io/detect";

const io = await openBackend();
const file = await io.openFile(process.execPath, "r");
const line = (/** @type {string} */ what, /** @type {unknown} */ outcome) =>
  console.log(`${what.padEnd(58)} ${outcome}`);

/** Runs what must be refused, and tells with which code. */
async function refused(/** @type {string} */ what, /** @type {() => unknown} */ misuse) {
  try {
    await misuse();
    line(what, "NOT REFUSED");
    process.exitCode = 1;
  } catch (error) {
    line(what, /** @type {{ code: string }} */ (error).code);
  }
}

console.log(`driver: ${io.driver}\n`);

// --- While an operation has the buffer, nobody else has it. -------------------------------------------------------
const listener = await io.listen();
const client = await io.connect({ port: listener.address.port });
const server = await listener.accept();
const buffer = io.buffers.take(4096);
const viewFromBefore = buffer.bytes;
const receiving = server.receive(buffer);
await refused("looking at a buffer that is lent", () => buffer.bytes);
await refused("lending it to another operation", () => file.read(buffer, { position: 0 }));
await refused("releasing it under the kernel's hands", () => buffer.release());
line("length of a view that was taken before", `${viewFromBefore.length}: detached, so nobody writes through it`);
const hello = io.buffers.copyFrom("hello");
await client.send(hello);
const { bytesReceived } = await receiving;
line("the same buffer, home again with the result", `${bytesReceived} bytes, ${buffer.state}`);
hello.release();

// --- It comes home whatever happens. ------------------------------------------------------------------------------
const directory = await io.openFile(".", "r");
const failed = await directory.read(buffer, { position: 0 }).catch((error) => error);
line("a read that fails", `${failed.code}, the buffer is ${failed.buffer.state}`);
const controller = new AbortController();
const endless = server.receive(buffer, { signal: controller.signal }).catch((error) => error);
controller.abort();
const aborted = await endless;
line("a receive that is aborted", `${aborted.code}, the buffer is ${aborted.buffer.state}`);
const late = await server.receive(buffer, { timeoutMs: 10 }).catch((error) => error);
line("a receive that takes too long", `${late.code}, the buffer is ${late.buffer.state}`);
await Promise.all([directory.close(), client.close(), server.close(), listener.close()]);

// --- After its release it is nobody's. ----------------------------------------------------------------------------
buffer.release();
await refused("looking at a released buffer", () => buffer.bytes);
await refused("reading into it", () => file.read(buffer));
await refused("releasing it again", () => buffer.release());

// --- Memory that cannot be made safe is not taken. ----------------------------------------------------------------
const small = Buffer.from("a few bytes of the pool that all small Buffers share");
await refused("adopting a part of a shared Buffer pool", () => io.buffers.adopt(small));
await refused("adopting memory another thread can write", () => {
  // The types refuse it too, hence the cast.
  io.buffers.adopt(/** @type {ArrayBuffer} */ (/** @type {unknown} */ (new SharedArrayBuffer(4096))));
});
const copied = io.buffers.adopt(small, { partial: "copy" });
line("the same by a copy, asked for by name", `${copied.length} bytes, ${copied.state}`);
copied.release();

// --- A resource is a handle, not a number that somebody else may have by now. --------------------------------------
const spare = io.buffers.take(16);
await refused("a position of -1", () => file.read(spare, { position: -1 }));
await refused("a misspelt option", () => file.read(spare, /** @type {{}} */ ({ postion: 0 })));
await refused("a path that a NUL byte would cut short", () => io.openFile("/etc/passwd\0.txt"));
await file.close();
await refused("reading from a closed file", () => file.read(spare));
await refused("closing it again", () => file.close());
spare.release();

// --- The ledger. --------------------------------------------------------------------------------------------------
const { buffers, resources, operations } = io.inspect();
line("buffers out, resources open, operations in flight", `${buffers.out}, ${resources.length}, ${operations.length}`);
const report = await io.close();
line("left unconfirmed when the backend closed", `${report.unconfirmedOperations} operations`);
