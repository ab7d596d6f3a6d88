import { SUBMIT_FLAG, WORD } from "@baton-io/core/driver";
import { expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handStream } from "./hand-driver.js";

// mutant: loop-cancels-whoever-has-the-slot
it("leaving a receive loop whose receive has just ended cancels nothing that has its slot by now", async () => {
  const hand = createHandDriver(["providedBuffer", "multishotReceive"]);
  const io = handBackend(hand);
  const stream = await handStream(io, hand);
  const chunks = stream[Symbol.asyncIterator]();
  const first = chunks.next();
  await flushed();
  const receive = hand.last("receive");
  expect(receive.record[WORD.operation]! & SUBMIT_FLAG.multishot).not.toBe(0);
  hand.complete(receive, 5, { more: true, provided: hand.provided[0]! });
  const chunk = await first;
  const left = chunks.return();
  hand.complete(receive, 0);
  // Before the loop hears of the end, another operation takes the slot.
  const sleeping = io.submit({ opcode: "timer", afterMs: 1000 });
  sleeping.done.catch(() => undefined);
  expect(sleeping.id % 2 ** 20).toBe(receive.slot);
  await left;
  if (!chunk.done) chunk.value.buffer.release();
  expect(sleeping.outcome).toBe("pending");
});
