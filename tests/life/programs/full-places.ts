/**
 * Writes more to a place than fits there, in every way that goes by a file's own position, and reports how each ended
 * and what is there afterwards. Arguments: driver, path, bytes that fit.
 */
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { type Backend, createBackend, type File } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const [driverName, path, fitsText] = process.argv.slice(2) as [string, string, string];
const fits = Number(fitsText);
const isDevice = path.startsWith("/dev/");

/** Bytes of which no two blocks are alike. */
const content = Uint8Array.from({ length: 2 * fits }, (_, index) => index ^ (index >> 8) ^ (index >> 15));
const part = fits / 2 + 512;

interface Outcome {
  readonly code: string;
  readonly bytes: number;
}

function outcomeOf(transfer: Promise<{ bytesWritten?: number; bytesTransferred?: number }>): Promise<Outcome> {
  return transfer.then(
    ({ bytesWritten, bytesTransferred }) => ({ code: "ok", bytes: bytesWritten ?? bytesTransferred! }),
    ({ code, bytesTransferred }) => ({ code, bytes: bytesTransferred }),
  );
}

function writeParts(io: Backend, file: File, start: number): Promise<Outcome & { total: number }> {
  return untilRefused((from) => {
    const buffer = io.buffers.copyFrom(content.subarray(from, from + part));
    return outcomeOf(file.write(buffer)).finally(() => buffer.release());
  }, start);
}

/** Each writes `content` from its start until something refuses; the last outcome, and all bytes that were counted. */
const ways: Readonly<Record<string, (io: Backend, file: File) => Promise<Outcome & { total: number }>>> = {
  writeFull: (io, file) =>
    untilRefused((from) => {
      const buffer = io.buffers.copyFrom(content.subarray(from, from + part));
      return outcomeOf(file.writeFull(buffer)).finally(() => buffer.release());
    }),
  write: (io, file) => writeParts(io, file, 0),
  writev: (io, file) =>
    untilRefused((from) => {
      const buffers = [0, 1].map((half) =>
        io.buffers.copyFrom(content.subarray(from + half * 1024, from + (half ? part : 1024))),
      );
      return outcomeOf(file.writev(buffers)).finally(() => {
        for (const buffer of buffers) buffer.release();
      });
    }),
  chain: async (io, file) => {
    const buffers = [0, 1, 2].map((index) => io.buffers.copyFrom(content.subarray(index * part, (index + 1) * part)));
    const results = await io.chain(buffers.map((buffer) => ({ opcode: "write" as const, file, buffer })));
    let total = 0;
    for (const result of results) if (result.status === "fulfilled") total += result.value.bytesWritten;
    for (const buffer of buffers) buffer.release();
    return writeParts(io, file, total);
  },
  pipeTo: async (io, file) => {
    await using listener = await io.listen();
    const [near, far] = await Promise.all([
      listener.accept(),
      io.connect({ host: listener.address.address, port: listener.address.port }),
    ]);
    const all = io.buffers.copyFrom(content);
    const sending = far.send(all).then(() => far.close());
    const outcome = await outcomeOf(near.pipeTo(file));
    // What did not fit is there for the next receive.
    const rest = io.buffers.take(65_536);
    let received = outcome.bytes;
    let isNext = true;
    for (;;) {
      const { bytesReceived } = await near.receive(rest);
      if (bytesReceived === 0) break;
      const expected = content.subarray(received, received + bytesReceived);
      isNext &&= Buffer.compare(rest.bytes.subarray(0, bytesReceived), expected) === 0;
      received += bytesReceived;
    }
    await sending;
    await near.close();
    for (const buffer of [rest, all]) buffer.release();
    return { ...outcome, code: isNext && received === content.length ? outcome.code : "LOST", total: outcome.bytes };
  },
};

/** Takes steps through `content`, from a place in it on, until one is refused. */
async function untilRefused(step: (from: number) => Promise<Outcome>, start = 0): Promise<Outcome & { total: number }> {
  let total = start;
  for (;;) {
    const outcome = await step(total);
    total += outcome.bytes;
    if (outcome.code !== "ok") return { ...outcome, total };
    if (total >= content.length) return { code: "NO_END", bytes: 0, total };
  }
}

const io = createBackend({ driver: createDriver(driverName) });
const report: Record<string, object> = {};
for (const [name, write] of Object.entries(ways)) {
  if (isDevice) writeFileSync(path, new Uint8Array(fits), { flag: "r+" });
  else writeFileSync(path, "");
  const file = await io.openFile(path, "r+");
  const { code, total } = await write(io, file);
  using after = io.buffers.take(16);
  const { bytesRead } = await file.read(after);
  await file.close();
  const there = readFileSync(path);
  const right = there.length === fits && Buffer.compare(there, content.subarray(0, fits)) === 0;
  report[name] = { code, total, right, bytesRead };
  if (!isDevice) truncateSync(path, 0);
}
await io.close();
say(report);
