/** What this driver declares, from what the ring turned out to be. */
import {
  type Capabilities,
  defineCapabilities,
  emulated,
  native,
  OPCODE,
  type OpcodeDefinition,
  type OpcodeName,
  opcodeNames,
  opcodeTable,
  type Support,
  unsupported,
} from "@baton-io/core/driver";
import type { RingInfo } from "./binding.js";
import type { NativeOptions } from "./options.js";

const entry = native("an entry of the ring");
const call = native("a system call that does not block, on the calling thread");
const bind = native("system calls on the calling thread; on one of the driver's for a name in a file system");

/** Operations that are no single entry of the ring on any kernel. */
const special: Partial<Record<OpcodeName, Support>> = {
  listen: bind,
  address: call,
  datagram: bind,
  pipe: call,
  adopt: call,
};

function operationSupport(ring: RingInfo, name: OpcodeName): Support {
  const named = special[name];
  if (named !== undefined) return named;
  if (ring.operations[OPCODE[name]] === true) {
    return name === "connect" ? native("socket(2) and an entry of the ring") : entry;
  }
  const { beside, source, ringSince }: OpcodeDefinition = opcodeTable[OPCODE[name]];
  if (beside === undefined) return unsupported("the kernel lacks the entry, or it is switched off");
  const where = beside === "thread" ? "on a thread of the driver's" : "on the calling thread";
  return emulated(`${source} ${where}: the kernel lacks the entry (Linux ${ringSince}), or it is off`);
}

/** `options`: what was asked for, which the ring may lack. */
export function uringCapabilities(
  ring: RingInfo,
  options: Pick<NativeOptions, "zeroCopySendMinBytes" | "registeredBuffers">,
): Capabilities {
  const { zeroCopySendMinBytes, registeredBuffers } = options;
  const when = (has: boolean, support: Support, why: string) => (has ? support : unsupported(why));
  const lacking = (what: string, since: string, more = "") =>
    `the kernel lacks ${what} (Linux ${since})${more}, or it is switched off`;
  return defineCapabilities(
    {
      operations: Object.fromEntries(opcodeNames.map((name) => [name, operationSupport(ring, name)])),
      features: {
        multishotAccept: when(ring.multishotAccept, native(), lacking("it", "5.19")),
        multishotReceive: when(ring.multishotReceive, native("into a buffer ring"), lacking("it", "6.0")),
        providedBuffer: when(
          ring.bufferRing,
          native("a buffer ring"),
          lacking("buffer rings", "5.19", ", or had no memory for one"),
        ),
        links: ring.links
          ? native("IOSQE_IO_LINK")
          : emulated(`the engine starts one after the other: ${lacking("whole chains", "5.19")}`),
        linkTimeout: when(ring.linkTimeout, native("IORING_OP_LINK_TIMEOUT"), lacking("it", "5.18")),
        zeroCopySend:
          zeroCopySendMinBytes === 0
            ? unsupported("switched off: option zeroCopySendMinBytes is 0")
            : when(
                ring.zeroCopySend,
                native(`IORING_OP_SEND_ZC from ${zeroCopySendMinBytes} bytes on`),
                lacking("it", "6.0"),
              ),
        registeredBuffers: registeredBuffers
          ? when(ring.registeredBuffers, native("slabs of the pool"), lacking("sparse tables", "5.19"))
          : unsupported("switched off, or locked memory is counted here (option registeredBuffers)"),
        registeredFiles: unsupported("not used: no gain was measured (docs/decisions/0016-registered-resources.md)"),
        cancelFile: native("what has not reached the device; a block read in flight runs to its end"),
        cancelSocket: native(),
        joinedSends: when(
          ring.operations[OPCODE.sendMessage] === true,
          native("IORING_OP_SENDMSG"),
          "the kernel lacks the entry, or it is switched off",
        ),
        pageAlignedMemory: native(),
        directIo: native("O_DIRECT"),
        reusePort: native("SO_REUSEPORT"),
        renameNoReplace: native("RENAME_NOREPLACE"),
        unixSockets: native(),
        abstractUnixSockets: native(),
      },
    },
    "not in this version",
  );
}
