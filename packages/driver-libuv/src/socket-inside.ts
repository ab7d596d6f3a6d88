/**
 * What Node's sockets know and do not tell: how much of what was written the kernel has, and what it still holds for
 * the reader. Other runtimes have their sockets made in another way: there nothing is known, and nobody asks.
 */
import { readSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { ERRNO, runtimeName } from "@baton-io/core/driver";
import { errnoOf } from "./system-error.js";

/** A socket or server of the runtime's, with its own. */
interface WithHandle {
  readonly _handle?: RuntimeHandle | null;
}

interface RuntimeHandle {
  readonly fd?: number;
  readonly writeQueueSize?: number;
}

/** Bytes taken from the kernel in one call. */
const CHUNK_BYTES = 16_384;

export class SocketInside {
  readonly #handle: RuntimeHandle | undefined;

  /** The socket is connected. What is asked later is answered also when it has been destroyed meanwhile. */
  constructor(socket: Socket) {
    this.#handle = handleOf(socket);
  }

  /** The descriptor; `undefined` where the runtime does not tell. */
  get fd(): number | undefined {
    return this.#handle?.fd;
  }

  /**
   * Bytes of writes that the kernel does not have; `undefined` where the runtime does not tell. Counts after a destroy
   * too, until the callbacks of the writes have run; after the error of a write, no longer.
   */
  get queuedBytes(): number | undefined {
    return this.#handle?.writeQueueSize;
  }

  /**
   * Takes everything that the kernel has for the reader. Answers how that ended: 0 for the end of the stream, a
   * negative errno for an error of the connection, which is then told to nobody else, `-EAGAIN` when more may come.
   */
  drain(take: (bytes: Uint8Array) => void): number {
    const fd = this.#handle?.fd;
    if (fd === undefined || fd < 0) return -ERRNO.EAGAIN;
    for (;;) {
      const bytes = new Uint8Array(CHUNK_BYTES);
      try {
        const count = readSync(fd, bytes);
        if (count === 0) return 0;
        take(bytes.subarray(0, count));
      } catch (error) {
        return errnoOf(error);
      }
    }
  }
}

/** The descriptor of a server; `undefined` where the runtime does not tell. */
export function descriptorOf(server: Server): number | undefined {
  return handleOf(server)?.fd;
}

/** Not among the types, because it is the runtime's own. */
function handleOf(owner: Socket | Server): RuntimeHandle | undefined {
  if (runtimeName(process.versions) !== "node") return undefined;
  return (owner as unknown as WithHandle)._handle ?? undefined;
}
