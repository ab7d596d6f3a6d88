/** The driver SPI itself: sockets. */
import { CONTROL, ERRNO, type ErrnoCode, OPCODE, SUBMIT_FLAG } from "@baton-io/core/driver";
import { closeByHand, connectByHand } from "./by-hand.js";
import { textOf, utf8 } from "./bytes.js";
import type { Clause } from "./case.js";
import { equal, equalBytes, ok, oneOf } from "./expect.js";
import { openRaw } from "./raw-session.js";

/** Errnos that end a flag which the driver does not know. */
const refusals: readonly ErrnoCode[] = ["EINVAL", "ENOTSUP", "ENOSYS"];

export const spiSocketsClause: Clause = {
  id: "spi-sockets",
  title: "the SPI: sockets",
  promise: "closing-is-orderly",
  needs: ["listen", "accept", "connect", "send", "receive", "close"],
  cases: [
    {
      id: "by-hand",
      calmOnly: true,
      title: "listen, connect, accept, send, receive and close work record by record",
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 2);
        new Uint8Array(slab.buffers[0]!).set(utf8("hello"));
        const send = await raw.run({ opcode: OPCODE.send, handle: far, buffer: slab.firstNumber, length: 5 });
        ok(send.result >= 1 && send.result <= 5, "some bytes to be sent");
        const receive = await raw.run({
          opcode: OPCODE.receive,
          handle: near,
          buffer: slab.firstNumber + 1,
          length: 4096,
        });
        ok(receive.result >= 1 && receive.result <= send.result, "some bytes to be received");
        equalBytes(
          new Uint8Array(slab.buffers[1]!, 0, receive.result),
          utf8("hello").subarray(0, receive.result),
          "what was received",
        );
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
    {
      id: "end",
      calmOnly: true,
      title: "a receive from a connection that the peer has closed completes with 0",
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 1);
        await closeByHand(raw, far);
        const receive = await raw.run({ opcode: OPCODE.receive, handle: near, buffer: slab.firstNumber, length: 16 });
        equal(receive.result, 0, "the result");
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, listener);
        await raw.close();
      },
    },
    {
      id: "no-buffer-provided",
      calmOnly: true,
      title: "a receive that shall take a buffer and finds none ends with -ENOBUFS, and its bytes stay",
      promise: "full-is-back-pressure",
      needs: ["providedBuffer"],
      run: async (context) => {
        const raw = openRaw(context);
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 2);
        new Uint8Array(slab.buffers[0]!).set(utf8("x"));
        await raw.run({ opcode: OPCODE.send, handle: far, buffer: slab.firstNumber, length: 1 });
        const intoProvided = { opcode: OPCODE.receive, flags: SUBMIT_FLAG.providedBuffer, handle: near, length: 4096 };
        equal((await raw.run(intoProvided)).result, -ERRNO.ENOBUFS, "the result without buffers");
        new Int32Array(raw.session.shared.provided)[0] = slab.firstNumber + 1;
        raw.control[CONTROL.providedCount] = 1;
        const completion = await raw.run(intoProvided);
        equal(raw.control[CONTROL.providedCount], 0, "the count of provided buffers after the submit");
        equal(completion.result, 1, "the result with a buffer");
        equal(completion.providedBuffer, true, "that a buffer was taken");
        equal(completion.auxiliary, slab.firstNumber + 1, "the number of the buffer");
        equal(textOf(new Uint8Array(slab.buffers[1]!, 0, 1)), "x", "what is in it");
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
    {
      id: "unknown-flags",
      calmOnly: true,
      title: "a flag for a feature that the driver lacks ends the operation with an errno: it is never passed over",
      promise: "lacking-is-refused",
      run: async (context) => {
        const raw = openRaw(context);
        const { features } = raw.session.capabilities;
        const { near, far, listener } = await connectByHand(raw);
        const slab = raw.session.memory.allocate(4096, 1);
        const buffer = { buffer: slab.firstNumber, length: 16 };
        const asked = [
          [features.multishotAccept, { opcode: OPCODE.accept, flags: SUBMIT_FLAG.multishot, handle: listener }],
          [
            features.multishotReceive,
            { opcode: OPCODE.receive, flags: SUBMIT_FLAG.multishot, handle: near, ...buffer },
          ],
          [
            features.providedBuffer,
            { opcode: OPCODE.receive, flags: SUBMIT_FLAG.providedBuffer, handle: near, length: 16 },
          ],
          [features.links, { opcode: OPCODE.send, flags: SUBMIT_FLAG.link, handle: near, ...buffer }],
        ] as const;
        for (const [support, submission] of asked) {
          if (support.kind !== "unsupported") continue;
          oneOf(
            (await raw.run(submission)).result,
            refusals.map((code) => -ERRNO[code]),
            "the result",
          );
        }
        raw.session.memory.free(slab.firstNumber);
        await closeByHand(raw, near, far, listener);
        await raw.close();
      },
    },
  ],
};
