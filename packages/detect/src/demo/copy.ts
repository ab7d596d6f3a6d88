/** Copying a file with many operations in flight, every buffer passed from hand to hand. */
import { type Backend, type File, type OwnedBuffer, release } from "@baton-io/core";
import { Finding } from "./finding.js";
import { together } from "./together.js";

export interface CopyOptions {
  readonly source: string;
  /** Must not exist. */
  readonly target: string;
  /** Lanes: each reads and writes one chunk at a time, so this many operations are in flight. */
  readonly inFlight: number;
  /** Bytes per operation. */
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytesCopied: number) => void;
}

export interface CopyResult {
  readonly bytes: number;
  readonly elapsedMs: number;
}

/**
 * Copies `source` to `target`. Each lane takes one buffer from the pool, hands it to a read, gets it back with the
 * bytes, hands it to a write, and so on: at any moment either the lane or the kernel holds it, never both. When one
 * lane fails the others are stopped, all buffers come home, both files are closed, and the first error is thrown.
 */
export async function copyFile(io: Backend, options: CopyOptions): Promise<CopyResult> {
  const { inFlight, chunkBytes, onProgress } = options;
  await using source = await io.openFile(options.source, "r");
  await using target = await io.openFile(options.target, "wx");
  const { size } = await source.stat();
  let position = 0;
  let bytes = 0;

  const lane = async (signal: AbortSignal): Promise<void> => {
    const buffer = await io.buffers.takeWhenFree(chunkBytes, { signal });
    try {
      while (position < size) {
        const at = position;
        const length = Math.min(chunkBytes, size - at);
        position += length;
        const copied = await copyChunk(source, target, buffer, { position: at, length, signal });
        // Not `bytes += await …`: that reads `bytes` before the wait, and other lanes add to it meanwhile.
        bytes += copied;
        onProgress?.(bytes);
      }
    } finally {
      release(buffer);
    }
  };

  const lanes = Math.min(inFlight, Math.ceil(size / chunkBytes));
  const startMs = performance.now();
  await together(options.signal, (signal) => Array.from({ length: lanes }, () => lane(signal)));
  if (bytes !== size) throw new Finding(`${bytes} of ${size} bytes were copied`);
  return { bytes, elapsedMs: performance.now() - startMs };
}

/** One chunk: the buffer goes to the read, comes back full, goes to the write, comes back free. */
async function copyChunk(
  source: File,
  target: File,
  buffer: OwnedBuffer,
  options: { readonly position: number; readonly length: number; readonly signal: AbortSignal },
): Promise<number> {
  const read = await source.readFull(buffer, options);
  if (read.bytesRead < options.length) throw new Finding(`${source.path} became shorter while it was copied`);
  const written = await target.writeFull(read.buffer, options);
  return written.bytesWritten;
}
