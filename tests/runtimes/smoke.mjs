// @ts-check
/**
 * The essentials on a runtime, over the built packages: `smoke.mjs DRIVER`. A file, a connection, buffers that detach,
 * ends by cancel, abort and timeout, waiting without work, a lot at once, and a worker's end. One line per check; the
 * last one is `N passed, N failed`. Exit code 1 when a check failed.
 */
import { strict as assert } from "node:assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackend } from "@baton-io/core";
import { driverFactory } from "./drivers.mjs";

const createDriver = driverFactory(process.argv[2]);
const directory = mkdtempSync(join(tmpdir(), "baton-smoke-"));
const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);

/** @param {(io: import("@baton-io/core").Backend) => Promise<void>} use */
async function withBackend(use) {
  const io = createBackend({ driver: createDriver() });
  await use(io);
  const { unconfirmedOperations, buffersOut } = await io.close();
  assert.deepEqual({ unconfirmedOperations, buffersOut }, { unconfirmedOperations: 0, buffersOut: 0 });
}

/** Two ends of a connection. @param {import("@baton-io/core").Backend} io */
async function connectedPair(io) {
  const listener = await io.listen({ host: "127.0.0.1" });
  const { address: host, port } = listener.address;
  const [near, far] = await Promise.all([listener.accept(), io.connect({ host, port })]);
  return { listener, near, far };
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const checks = {
  "writes a file and reads it again": () =>
    withBackend(async (io) => {
      const path = join(directory, "file");
      const file = await io.openFile(path, "w+");
      const message = io.buffers.copyFrom("what was written");
      await file.write(message, { position: 0 });
      assert.equal(readFileSync(path, "utf8"), "what was written");
      const { bytesRead, buffer } = await file.read(io.buffers.take(4096), { position: 5 });
      assert.equal(text(buffer.bytes.subarray(0, bytesRead)), "was written");
      message.release();
      buffer.release();
      await file.close();
    }),
  "tells what is wrong with a path": () =>
    withBackend(async (io) => {
      await assert.rejects(io.openFile(join(directory, "nowhere", "file")), { code: "ENOENT" });
    }),
  "takes the views of a buffer away while it is lent": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      const buffer = io.buffers.take(4096);
      const view = buffer.bytes;
      const receiving = near.receive(buffer);
      assert.equal(view.length, 0);
      assert.throws(() => buffer.bytes, { code: "ERR_BUFFER_LENT" });
      const message = io.buffers.copyFrom("x");
      await far.send(message);
      message.release();
      assert.equal((await receiving).bytesReceived, 1);
      buffer.release();
      await Promise.all([near.close(), far.close(), listener.close()]);
    }),
  "echoes over a connection": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      const echo = (async () => {
        const buffer = io.buffers.take(4096);
        for (;;) {
          const { bytesReceived } = await near.receive(buffer);
          if (bytesReceived === 0) break;
          await near.send(buffer, { length: bytesReceived });
        }
        buffer.release();
        await near.close();
      })();
      const buffer = io.buffers.take(64);
      for (let round = 0; round < 200; round++) {
        buffer.bytes.fill(round);
        await far.send(buffer);
        let got = 0;
        while (got < 64) got += (await far.receive(buffer)).bytesReceived;
        assert.equal(buffer.bytes[0], round);
      }
      buffer.release();
      await far.close();
      await echo;
      await listener.close();
    }),
  "receives into a buffer that the driver takes, where it can": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      if (io.capabilities.features.providedBuffer.kind !== "unsupported") {
        const receiving = near.receive();
        const message = io.buffers.copyFrom("provided");
        await far.send(message);
        message.release();
        const { buffer, bytesReceived } = await receiving;
        assert.ok(buffer !== undefined, "there is a buffer with what came");
        assert.equal(text(buffer.bytes.subarray(0, bytesReceived)), "provided");
        buffer.release();
      }
      await Promise.all([near.close(), far.close(), listener.close()]);
    }),
  "cancels, and loses nothing that came": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      const buffer = io.buffers.take(4096);
      const operation = io.submit({ opcode: "receive", stream: near, buffer });
      const outcome = operation.done.then(
        () => "done",
        (/** @type {{ code: string }} */ { code }) => code,
      );
      await io.sleep(5);
      assert.equal(await operation.cancel(), "canceled");
      assert.equal(await outcome, "ERR_OPERATION_CANCELED");
      const message = io.buffers.copyFrom("later");
      await far.send(message);
      message.release();
      assert.equal((await near.receive(buffer)).bytesReceived, 5);
      buffer.release();
      await Promise.all([near.close(), far.close(), listener.close()]);
    }),
  "ends by abort and by timeout, and the buffer comes home": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      const buffer = io.buffers.take(4096);
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 10);
      await assert.rejects(near.receive(buffer, { signal: controller.signal }), { code: "ABORT_ERR" });
      await assert.rejects(near.receive(buffer, { timeoutMs: 10 }), { code: "ERR_TIMEOUT" });
      buffer.release();
      await Promise.all([near.close(), far.close(), listener.close()]);
    }),
  "wakes from waiting, again and again": () =>
    withBackend(async (io) => {
      for (let round = 0; round < 20; round++) {
        const startMs = performance.now();
        await io.sleep(10);
        const waitedMs = performance.now() - startMs;
        assert.ok(waitedMs >= 9.5 && waitedMs < 2000, `10 ms took ${waitedMs}`);
      }
    }),
  "does a thousand at once": () =>
    withBackend(async (io) => {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? io.nop() : io.sleep(index % 7))));
    }),
  "collects what was dropped, and what is in flight stays": () =>
    withBackend(async (io) => {
      const { listener, near, far } = await connectedPair(io);
      const receiving = near.receive(io.buffers.take(65_536));
      for (let round = 0; round < 50; round++) new Uint8Array(4_000_000).fill(round);
      const message = io.buffers.copyFrom("still there");
      await far.send(message);
      message.release();
      const { buffer, bytesReceived } = await receiving;
      assert.equal(text(buffer.bytes.subarray(0, bytesReceived)), "still there");
      buffer.release();
      await Promise.all([near.close(), far.close(), listener.close()]);
    }),
  "closes with everything in flight": async () => {
    const io = createBackend({ driver: createDriver() });
    const { listener, near, far } = await connectedPair(io);
    const all = [
      listener.accept(),
      near.receive(io.buffers.take(4096)),
      far.receive(io.buffers.take(4096)),
      io.sleep(60_000),
    ];
    const settled = Promise.allSettled(all);
    assert.equal((await io.close()).unconfirmedOperations, 0);
    for (const { status } of await settled) assert.equal(status, "rejected");
  },
};

let passed = 0;
let failed = 0;
for (const [title, check] of Object.entries(checks)) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("it did not end")), 10_000);
  });
  try {
    await Promise.race([check(), late]);
    passed++;
    console.log(`✓ ${title}`);
  } catch (error) {
    failed++;
    console.log(`✗ ${title}\n  ${error instanceof Error ? error.stack : String(error)}`);
  }
  clearTimeout(timer);
}
rmSync(directory, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
// What a failed check left open must not keep the process.
if (failed > 0) process.exit(1);
