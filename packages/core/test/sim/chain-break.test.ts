import { ERRNO } from "@baton-io/core/driver";
import { expect, it } from "vitest";
import { createHandDriver, flushed, handBackend, handFile } from "./hand-driver.js";

// mutant: chain-broken-backwards
it("a member of a chain that ends early while it waits again takes none of those before it along", async () => {
  const hand = createHandDriver(["links"]);
  const io = handBackend(hand);
  const file = await handFile(io, hand);
  const buffers = ["aa", "bb"].map((text) => io.buffers.copyFrom(text));
  const abort = new AbortController();
  const results = io.chain([
    { opcode: "write", file, buffer: buffers[0]!, position: 0 },
    { opcode: "write", file, buffer: buffers[1]!, position: 2 },
    { opcode: "nop", signal: abort.signal },
  ]);
  await flushed();
  const [first, second] = hand.taken.filter(({ opcode }) => opcode === "write");
  // The first is interrupted, so the driver cancels the others; the last of them is told first.
  hand.complete(hand.last("nop"), -ERRNO.ECANCELED);
  hand.complete(first!, -ERRNO.EINTR);
  await flushed();
  abort.abort();
  hand.complete(second!, -ERRNO.ECANCELED);
  await flushed();
  hand.complete(hand.last("write"), 2);
  await flushed();
  hand.complete(hand.last("write"), 2);
  expect((await results).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
});
