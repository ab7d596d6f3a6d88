// @ts-check
// Copies a file with several chunks in flight. The buffers are the bound: no more memory than lanes times chunk.
//
//   node examples/file-copy.mjs SOURCE TARGET
import { rm } from "node:fs/promises";
import { openBackend } from "@baton-io/detect";

const CHUNK_BYTES = 256 * 1024;
const LANES = 16;

/**
 * Copies `source` to `target`, which must not exist yet; resolves with the number of bytes.
 *
 * @param {import("@baton-io/core").Backend} io
 * @param {string} source
 * @param {string} target
 */
async function copyFile(io, source, target) {
  const input = await io.openFile(source, "r");
  try {
    const output = await io.openFile(target, "wx");
    try {
      const bytes = await copyChunks(io, input, output);
      await output.datasync();
      return bytes;
    } catch (error) {
      // No half-written copy.
      await rm(target);
      throw error;
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}

/**
 * Where the file ends only reading tells: files of /proc say that they have no bytes, and others grow meanwhile.
 *
 * @param {import("@baton-io/core").Backend} io
 * @param {import("@baton-io/core").File} input
 * @param {import("@baton-io/core").File} output
 */
async function copyChunks(io, input, output) {
  let next = 0;
  let end = Number.POSITIVE_INFINITY;
  const lane = async () => {
    const buffer = io.buffers.take(CHUNK_BYTES);
    try {
      while (next < end) {
        const position = next;
        next += CHUNK_BYTES;
        const { bytesRead } = await input.readFull(buffer, { position });
        if (bytesRead < CHUNK_BYTES) end = Math.min(end, position + bytesRead);
        // The same buffer goes on to the write: nobody looks at its bytes, so nothing is detached.
        await output.writeFull(buffer, { position, length: bytesRead });
      }
    } finally {
      // An operation that failed has given it back as well.
      buffer.release();
    }
  };
  await allOrFirstError(Array.from({ length: LANES }, lane));
  // What was read behind the end that another lane has found is not part of the copy.
  await output.truncate(end);
  return end;
}

/** Waits for all, also when one has failed, so that nothing is in flight any more when the files are closed. */
async function allOrFirstError(/** @type {Promise<void>[]} */ promises) {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}

const [source, target] = process.argv.slice(2);
if (source === undefined || target === undefined) {
  console.error("usage: node examples/file-copy.mjs SOURCE TARGET");
  process.exit(2);
}
const io = await openBackend();
try {
  console.log(`${io.driver}: copied ${await copyFile(io, source, target)} bytes`);
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
} finally {
  await io.close();
}
