/** Reading and writing files through the driver itself, for subjects that have no other way to them. */
import type { Backend } from "@baton-io/core";
import type { FileOracle } from "./subject.js";

const CHUNK_BYTES = 65_536;

export function createDriverOracle(io: Backend): FileOracle {
  return {
    readFile: async (path) => {
      const file = await io.openFile(path, "r");
      const chunks: Uint8Array[] = [];
      const buffer = io.buffers.take(CHUNK_BYTES);
      for (let position = 0; ; ) {
        const { bytesRead } = await file.readFull(buffer, { position });
        if (bytesRead === 0) break;
        chunks.push(buffer.bytes.slice(0, bytesRead));
        position += bytesRead;
      }
      buffer.release();
      await file.close();
      const content = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
      let at = 0;
      for (const chunk of chunks) {
        content.set(chunk, at);
        at += chunk.length;
      }
      return content;
    },
    writeFile: async (path, bytes) => {
      const file = await io.openFile(path, "w");
      if (bytes.length > 0) {
        const buffer = io.buffers.copyFrom(bytes);
        await file.writeFull(buffer, { position: 0 });
        buffer.release();
      }
      await file.close();
    },
  };
}
