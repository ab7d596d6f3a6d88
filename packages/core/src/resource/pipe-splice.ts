/** Carries bytes between a connection and a file through a pipe, so that they never come into the program. */
import { ERRNO } from "../base/errno.js";
import { BatonError, systemError } from "../base/errors.js";
import type { EarlyEnd } from "../operation/cancel.js";
import type { Carrier } from "./carrier.js";
import type { FileCursor } from "./file-cursor.js";
import type { FileCore } from "./file-operations.js";
import { COPY_BYTES, readPipeAtLast, receiveInto, takeUntilClosing, writeOrKeep } from "./pipe-copy.js";
import { closePipe, makePipe, type Pipe, prepareSplice, spliceAtLast } from "./pipe-operations.js";
import type { StreamCore } from "./stream-operations.js";

/**
 * Bytes of a pipe that go back to their connection at once. Few, because a buffer must be found for them even when the
 * rest of the pool is out, perhaps with a sender of the same connection that waits for this.
 */
const GIVE_BACK_BYTES = 4096;

/** Not every file and file system can be spliced to. */
export function isUnspliceable(error: unknown): boolean {
  return error instanceof BatonError && error.errno === -ERRNO.EINVAL && error.syscall === "splice";
}

function ignore(): void {
  // What was moved is still where it came from.
}

export async function createSpliceToFile(stream: StreamCore, file: FileCore, cursor: FileCursor): Promise<Carrier> {
  const { dispatcher } = stream;
  const pipe = await makePipe(dispatcher);
  let inPipe = 0;
  let arrived = 0;
  const written = (bytes: number) => {
    arrived += bytes;
  };
  const splicePart = async () => {
    const splice = { from: pipe.reading, to: file.state, bytes: inPipe, fromPosition: -1, toPosition: cursor.at() };
    const moved = await spliceAtLast(dispatcher, file.state, { ...splice, movedUnseen: ignore });
    if (moved === 0) throw systemError(-ERRNO.EIO, "splice", { driver: dispatcher.driverName });
    inPipe -= moved;
    cursor.moved(moved);
    written(moved);
  };
  // Not every file can be spliced to, one that is open for appending for instance.
  const copyPart = async () => {
    using buffer = dispatcher.buffers.take(COPY_BYTES);
    const taken = await readPipeAtLast(file, pipe.reading, buffer, inPipe);
    inPipe -= taken;
    await writeOrKeep(file, stream, { buffer, bytes: taken }, cursor, written);
  };
  let splices = true;
  const emptyPart = async () => {
    if (!splices) return copyPart();
    await splicePart().catch((error: unknown) => {
      if (!isUnspliceable(error)) throw error;
      splices = false;
    });
  };
  const empty = async () => {
    if (inPipe === 0) return;
    const leave = await cursor.enter();
    try {
      while (inPipe > 0) await emptyPart();
    } finally {
      leave();
    }
  };
  // A full disk, for one: what the file does not take is there for the next receive.
  const giveBack = async () => {
    using buffer = await takeUntilClosing(dispatcher, GIVE_BACK_BYTES);
    // Of a backend that closes nobody can receive any more.
    while (buffer !== undefined && inPipe > 0) {
      const taken = await readPipeAtLast(file, pipe.reading, buffer, inPipe);
      inPipe -= taken;
      stream.receiveLane.salvageBytes(buffer.bytes.slice(0, taken));
    }
  };
  // The driver knows nothing of bytes that core has kept for the next receive.
  const takeKept = async (bytes: number, early: EarlyEnd) => {
    using buffer = dispatcher.buffers.take(COPY_BYTES);
    const taken = await receiveInto(stream, buffer, bytes, early);
    const leave = await cursor.enter();
    try {
      await writeOrKeep(file, stream, { buffer, bytes: taken }, cursor, written);
    } finally {
      leave();
    }
    return taken;
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, early) => {
      const entry = prepareSplice(
        dispatcher,
        stream.state,
        {
          from: stream.state,
          to: pipe.writing,
          bytes,
          fromPosition: -1,
          toPosition: -1,
          movedUnseen: (moved) => {
            inPipe += moved;
          },
        },
        early,
      );
      entry.lane = stream.receiveLane;
      try {
        const moved = await dispatcher.start<number>(entry);
        inPipe += moved;
        return moved;
      } catch (error) {
        if (!(error instanceof BatonError && error.errno === -ERRNO.EAGAIN)) throw error;
        return takeKept(bytes, early);
      }
    },
    push: empty,
    settle: async () => {
      try {
        await empty();
      } catch (error) {
        await giveBack();
        throw error;
      }
    },
    close: () => closePipe(dispatcher, pipe),
  };
}

export async function createSpliceFromFile(file: FileCore, stream: StreamCore, cursor: FileCursor): Promise<Carrier> {
  const { dispatcher } = file;
  const pipe: Pipe = await makePipe(dispatcher);
  let inPipe = 0;
  let arrived = 0;
  let leave: (() => void) | undefined;
  const endStep = () => {
    leave?.();
    leave = undefined;
  };
  const left = (bytes: number) => {
    inPipe -= bytes;
    arrived += bytes;
    cursor.moved(bytes);
  };
  return {
    get arrived() {
      return arrived;
    },
    pull: async (bytes, early) => {
      leave = await cursor.enter(early.signal);
      const splice = {
        from: file.state,
        to: pipe.writing,
        bytes,
        fromPosition: cursor.at(),
        toPosition: -1,
        movedUnseen: ignore,
      };
      inPipe = await dispatcher.start<number>(prepareSplice(dispatcher, file.state, splice, early));
      return inPipe;
    },
    push: async (early) => {
      while (inPipe > 0) {
        const splice = {
          from: pipe.reading,
          to: stream.state,
          bytes: inPipe,
          fromPosition: -1,
          toPosition: -1,
          movedUnseen: left,
        };
        const entry = prepareSplice(dispatcher, stream.state, splice, early);
        entry.lane = stream.sendLane;
        left(await dispatcher.start<number>(entry));
      }
      endStep();
    },
    // Nothing was consumed: what is in the pipe is still in the file.
    settle: async () => undefined,
    close: () => {
      endStep();
      closePipe(dispatcher, pipe);
    },
  };
}
