/** How a transfer from a file into a connection ends when the connection does. */
import { pattern } from "./bytes.js";
import type { CaseDefinition } from "./case.js";
import type { Pair } from "./context.js";
import { equal, ok, oneOf, rejects } from "./expect.js";
import { sendText } from "./stream-talk.js";

/** More than the kernel buffers for a connection on loopback. */
export const LARGE_BYTES: number = 12 * 2 ** 20;

/** What a transfer that was ended early says. */
export interface Ended {
  readonly code: string;
  readonly bytesTransferred: number;
}

export const pipeFromFileEndings: readonly CaseDefinition[] = [
  {
    id: "peer-gone",
    title: "to a peer that is gone it fails as a send does, and says how many bytes went out",
    run: async (context) => {
      await using pair = await context.pair();
      await pair.far.close();
      await using file = await context.openFile(pattern(LARGE_BYTES, 97), "r");
      const failure = await file.pipeTo(pair.near, { position: 0 }).then(
        () => ({ code: "none", bytesTransferred: -1 }),
        (error: Ended) => error,
      );
      oneOf(failure.code, ["EPIPE", "ECONNRESET"], "the code of the error");
      ok(failure.bytesTransferred >= 0 && failure.bytesTransferred < LARGE_BYTES, "a count");
    },
  },
  ...[false, true].map(
    (isUnread): CaseDefinition => ({
      id: `reset${isUnread ? "-unread" : ""}`,
      title: `a reset in the middle${isUnread ? ", because the peer has left bytes unread," : ""} is ECONNRESET, as a send is told, with the bytes that went out`,
      calmOnly: true,
      mutants: isUnread ? [] : ["reset-of-a-splice-is-lost"],
      run: async (context) => {
        const bytes = pattern(LARGE_BYTES, 107);
        await using file = await context.openFile(bytes, "r");
        using buffer = context.io.buffers.copyFrom(bytes);
        for (const begin of [
          (pair: Pair) => file.pipeTo(pair.near, { position: 0 }),
          (pair: Pair) => pair.near.send(buffer),
        ]) {
          await using pair = await context.pair();
          if (isUnread) await sendText(context.io, pair.near, "unread");
          const ending = begin(pair).then(
            () => ({ code: "none", bytesTransferred: -1 }),
            (error: Ended) => error,
          );
          await context.flush();
          await context.after(50);
          await pair.far.close();
          const { code, bytesTransferred } = await ending;
          equal(code, "ECONNRESET", "the code of the error");
          ok(bytesTransferred > 0 && bytesTransferred < LARGE_BYTES, "a part to have gone out");
        }
      },
    }),
  ),
  {
    id: "shut-meanwhile",
    title: "behind a shutdown of this side it is EPIPE",
    run: async (context) => {
      await using pair = await context.pair();
      await using file = await context.openFile(pattern(100, 109), "r");
      await pair.near.shutdown("send");
      await rejects(file.pipeTo(pair.near), "EPIPE", { bytesTransferred: 0 });
    },
  },
  {
    id: "closed",
    title:
      "with the connection closed meanwhile it rejects with ERR_RESOURCE_CLOSED, and the file is closed at leisure",
    promise: "closing-is-orderly",
    needs: ["cancelSocket"],
    calmOnly: true,
    run: async (context) => {
      await using pair = await context.pair();
      const file = await context.openFile(pattern(LARGE_BYTES, 101), "r");
      const piping = rejects(file.pipeTo(pair.near, { position: 0 }), ["ERR_RESOURCE_CLOSED", "EPIPE", "ECONNRESET"]);
      await context.turn(3);
      await pair.near.close();
      await piping;
      await file.close();
    },
  },
];
