/** Notices buffers that were dropped without release, and when the last view of such a one is gone. */
import { type Block, type LeakWatch, takeLost, unexpose } from "./owned-buffer.js";

/** Told when the program drops a buffer without releasing it. */
export type BufferLeakListener = (leak: { readonly bytes: number; readonly stack: string | undefined }) => void;

interface Watched {
  readonly tenure: object;
  readonly stack: string | undefined;
}

/** In place of an ArrayBuffer that only the program may keep alive. */
const NOTHING = new ArrayBuffer(0);

/** The watch of one pool. */
export function createLeakWatch(parts: {
  /** Keep where each buffer was taken. */
  readonly leakStacks: boolean;
  /** Told of each buffer that was dropped. */
  readonly lost: BufferLeakListener;
  /** Told as soon as the program has no view of a dropped buffer. Its ArrayBuffer may be gone: then it has no length. */
  readonly unseen: (block: Block) => void;
}): LeakWatch {
  const { leakStacks, lost, unseen } = parts;
  const views = new FinalizationRegistry<Block>((block) => {
    unexpose(block);
    unseen(block);
  });
  const buffers = new FinalizationRegistry<object>((watched) => {
    const { tenure, stack } = leakStacks ? (watched as Watched) : { tenure: watched, stack: undefined };
    const block = takeLost(tenure);
    if (block === undefined) return;
    lost({ bytes: block.origin.blockBytes, stack });
    if (!block.exposed || block.origin.unsafe) return unseen(block);
    // A view may still be alive, and with it the ArrayBuffer: nobody else may keep that.
    views.register(block.buffer, block);
    block.buffer = NOTHING;
    block.origin.memory.forget?.(block.number);
  });
  return {
    register: (buffer, tenure) => {
      // An object less for each buffer where no stack is kept.
      const watched = leakStacks ? { tenure, stack: new Error("taken here").stack } : tenure;
      buffers.register(buffer, watched, tenure);
    },
    unregister: (tenure) => {
      buffers.unregister(tenure);
    },
  };
}
