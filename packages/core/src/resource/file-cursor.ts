/** Where in a file a transfer of several operations is: at a position of its own, or at the file's. */
import { addAbortListener, removeAbortListener } from "../base/abort-listeners.js";
import { ERRNO } from "../base/errno.js";
import type { Lane } from "../operation/lane.js";
import { type FileCore, laneFor } from "./file-operations.js";

/** A cursor in a file that moves on as bytes arrive. */
export interface FileCursor {
  /**
   * Begins a step. Until what it resolves with is called, nothing else goes by the same position. Rejects with the
   * reason of the signal, and for reading with the system's error when the position has to be asked for.
   */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** Within a step: where the next bytes are, or are to go; −1 where only the system knows. */
  at(): number;
  /** Within a step: the system refused the cursor that `at` told. True when there is another one now. */
  refused(error: unknown): boolean;
  /** Within a step: so many bytes have got where they were going. */
  moved(bytes: number): void;
}

/** The cursor for bytes that come from a file (`reads`) or go to it; `position` −1 for the file's own. */
export function cursorIn(file: FileCore, position: number, reads: boolean): FileCursor {
  return position < 0 ? ownCursor(file, reads) : givenCursor(position);
}

function givenCursor(position: number): FileCursor {
  let next = position;
  return {
    enter: () => Promise.resolve(() => undefined),
    at: () => next,
    refused: () => false,
    moved: (bytes) => {
      next += bytes;
    },
  };
}

function ownCursor(file: FileCore, reads: boolean): FileCursor {
  const { position } = file;
  const lane = laneFor(file, reads);
  const at = () => (position === undefined ? -1 : position.startOf(reads)!);
  return {
    enter: async (signal) => {
      const leave = await turnIn(file, lane, signal);
      try {
        if (reads) await position?.find();
      } catch (error) {
        leave();
        throw error;
      }
      return leave;
    },
    at,
    refused: (error) => {
      if (at() < 0 || (error as { errno?: unknown }).errno !== -ERRNO.ESPIPE) return false;
      position!.refused(reads);
      return true;
    },
    moved: (bytes) => {
      if (reads) position?.read(bytes);
      else position?.wrote(bytes);
    },
  };
}

/** A turn that somebody may not want any more by the time it comes. */
function turnIn({ dispatcher }: FileCore, lane: Lane, signal: AbortSignal | undefined): Promise<() => void> {
  const turn = dispatcher.takeTurn(lane);
  if (signal === undefined) return turn;
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      void turn.then((leave) => leave());
    };
    addAbortListener(signal, onAbort);
    void turn.then((leave) => {
      removeAbortListener(signal, onAbort);
      resolve(leave);
    });
  });
}
