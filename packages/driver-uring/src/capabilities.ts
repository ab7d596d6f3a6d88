/** What this driver declares, from what the ring turned out to be. */
import { type Capabilities, defineCapabilities, emulated, native, type Support, unsupported } from "@baton-io/core";
import type { RingInfo } from "./binding.js";

export function uringCapabilities(ring: RingInfo): Capabilities {
  const entry = native("an entry of the ring");
  const call = native("a system call that does not block, on the calling thread");
  const when = (has: boolean, support: Support, why: string) => (has ? support : unsupported(why));
  return defineCapabilities(
    {
      operations: {
        nop: entry,
        cancel: entry,
        open: entry,
        close: entry,
        read: entry,
        write: entry,
        fsync: entry,
        fdatasync: entry,
        stat: entry,
        truncate: ring.ftruncate
          ? entry
          : emulated("ftruncate(2) on the calling thread: the kernel lacks the operation (Linux 6.9)"),
        listen: call,
        accept: entry,
        connect: native("socket(2) and an entry of the ring"),
        receive: entry,
        send: entry,
        shutdown: entry,
        timer: entry,
        address: call,
      },
      features: {
        multishotAccept: when(
          ring.multishotAccept,
          native(),
          "the kernel lacks it (Linux 5.19), or it is switched off",
        ),
        bufferSelect: when(
          ring.bufferRing,
          native("a buffer ring"),
          "the kernel lacks buffer rings (Linux 5.19), or they are switched off",
        ),
        cancelFile: native("what has not reached the device; a block read in flight runs to its end"),
        cancelSocket: native(),
        pageAlignedMemory: native(),
        directIo: native("O_DIRECT"),
        reusePort: native("SO_REUSEPORT"),
      },
    },
    "not in this version",
  );
}
