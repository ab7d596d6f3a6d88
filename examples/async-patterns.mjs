// @ts-check
// Aborting, timing out, racing, batching and back-pressure: what the promises and the buffers do in each.
//
//   node examples/async-patterns.mjs
import { openBackend } from "@baton-io/detect";

const io = await openBackend({ poolBytesMax: 1024 * 1024 });
console.log(`driver: ${io.driver}\n`);

const listener = await io.listen();
const { port } = listener.address;
const client = await io.connect({ port });
const server = await listener.accept();

// --- Timeout: the receive ends, the buffer is home, and the connection is as good as before. ----------------------
{
  const buffer = io.buffers.take(4096);
  const error = await server.receive(buffer, { timeoutMs: 20 }).catch((reason) => reason);
  console.log(`timeout        ${error.code}, buffer ${error.buffer.state}`);
  buffer.release();
}

// --- Abort: the same, with the caller's own reason. ---------------------------------------------------------------
{
  const controller = new AbortController();
  const received = server.receive({ signal: controller.signal }).catch((reason) => reason);
  controller.abort(new Error("the user has left"));
  const error = await received;
  console.log(`abort          ${error.code} because ${error.cause.message}`);
}

// --- Abort that loses its race: what arrived is not lost, the next receive has it. --------------------------------
{
  const controller = new AbortController();
  const hello = io.buffers.copyFrom("hello");
  const first = server.receive({ signal: controller.signal }).catch((reason) => reason);
  await client.send(hello);
  controller.abort();
  const outcome = await first;
  // Either the bytes had reached the caller before the abort, or they wait for the next caller. Never neither.
  const { bytesReceived, buffer } = outcome instanceof Error ? await server.receive() : outcome;
  console.log(
    `lost race      ${bytesReceived} bytes: ${new TextDecoder().decode(buffer.bytes.subarray(0, bytesReceived))}`,
  );
  buffer.release();
  hello.release();
}

// --- Promise.race: the loser is not forgotten. Leave an accept behind, and the connection goes to the next. -------
{
  const controller = new AbortController();
  const winner = await Promise.race([
    listener.accept({ signal: controller.signal }).catch(() => "aborted"),
    io.sleep(10).then(() => "the clock"),
  ]);
  controller.abort();
  const late = await io.connect({ port });
  const accepted = await listener.accept({ timeoutMs: 5000 });
  console.log(`race           won by ${winner}; the connection after it was ${accepted.closed ? "lost" : "accepted"}`);
  await Promise.all([late.close(), accepted.close()]);
}

// --- cancel() tells what became of the operation. -----------------------------------------------------------------
{
  const operation = io.submit({ opcode: "receive", stream: server });
  const settled = operation.done.catch((reason) => reason);
  const answer = await operation.cancel();
  console.log(`cancel         "${answer}": ${(await settled).code}; again: "${await operation.cancel()}"`);
}

// --- Batch: one hand-over for all of them, and no result takes another one down. ----------------------------------
{
  const file = await io.openFile(process.execPath);
  const one = io.buffers.take(4096);
  const two = io.buffers.take(4096);
  const three = io.buffers.take(4096);
  const results = await io.batch([
    { opcode: "read", file, buffer: one, position: 0 },
    { opcode: "read", file, buffer: two, position: 4096 },
    { opcode: "read", file, buffer: three, position: Number.MAX_SAFE_INTEGER - 1 },
    { opcode: "stat", path: "/there/is/no/such/file" },
  ]);
  const texts = results.map((result) => (result.status === "fulfilled" ? "ok" : result.reason.code));
  console.log(`batch          ${texts.join(", ")}`);
  for (const buffer of [one, two, three]) buffer.release();
  await file.close();
}

// --- Back-pressure: the pool is bounded, so whoever wants more waits its turn instead of filling the memory. -------
{
  let inUse = 0;
  let most = 0;
  const work = async () => {
    const buffer = await io.buffers.takeWhenFree(65_536);
    most = Math.max(most, ++inUse);
    await io.sleep(1);
    inUse--;
    buffer.release();
  };
  await Promise.all(Array.from({ length: 100 }, work));
  console.log(`back-pressure  100 jobs, never more than ${most} buffers of 64 KiB at a time`);
}

await Promise.all([client.close(), server.close(), listener.close()]);
const { buffersOut } = await io.close();
console.log(`\nbuffers out at the end: ${buffersOut}`);
