/** What this driver declares, and how it does what the runtime does not offer as such. */
import {
  type Capabilities,
  defineCapabilities,
  emulated,
  native,
  OPCODE,
  type OpcodeName,
  opcodeNames,
  type Support,
  unsupported,
} from "@baton-io/core/driver";
import { isFileCall } from "./file-operations.js";
import { isPathCall } from "./path-operations.js";
import { hasReusePort } from "./socket-operations.js";

const threadPool = native("node:fs, on the runtime's thread pool");
const noCall = unsupported("the runtime has no call for it");
const socket = native("node:net");
const message = native("node:dgram");

/** By name, unless something else is said of it. */
const withFiles: Partial<Record<OpcodeName, Support>> = Object.fromEntries(
  opcodeNames.map((name) => [name, isPathCall(OPCODE[name]) || isFileCall(OPCODE[name]) ? threadPool : noCall]),
);

export const capabilities: Capabilities = defineCapabilities(
  {
    operations: {
      ...withFiles,
      nop: native("completed in JavaScript"),
      cancel: native("sockets and timers; a file operation in the thread pool runs to its end"),
      open: threadPool,
      close: native(),
      read: threadPool,
      write: threadPool,
      stat: threadPool,
      listen: socket,
      accept: emulated(
        "the runtime accepts as connections come; they wait, paused, for an accept; beyond the backlog, and without a descriptor, it ends them",
      ),
      connect: socket,
      receive: emulated("copied from what the runtime's socket has read"),
      send: socket,
      shutdown: socket,
      timer: native("setTimeout"),
      address: socket,
      readv: threadPool,
      writev: threadPool,
      receiveMessage: emulated(
        "the runtime receives as datagrams come; up to 1024 of them and 208 KiB wait, what comes then is dropped",
      ),
      sendMessage: message,
      datagram: message,
      pipe: unsupported("only splice needs it, and the runtime has no call for that"),
      adopt:
        process.platform === "linux"
          ? native("node:fs and node:net, by number")
          : unsupported("what a descriptor is, is looked up under /proc"),
      poll: unsupported("node:net keeps the readiness of its sockets to itself"),
    },
    features: {
      providedBuffer: emulated("a buffer is taken in JavaScript when bytes have arrived"),
      cancelSocket: native(
        "receives, accepts and connects; a send ends when what the runtime has of it, 64 KiB at most, is out",
      ),
      joinedSends: native("gathered into one write, 64 KiB at a time"),
      cancelFile: unsupported("the runtime's thread pool does not stop what it has begun"),
      reusePort: hasReusePort
        ? native("node:net")
        : unsupported("node:net has it on Linux from Node 22.12 and 23.1 on"),
      directIo: unsupported("memory on the JavaScript heap has no promised alignment"),
      pageAlignedMemory: unsupported("memory on the JavaScript heap has no promised alignment"),
      multishotAccept: unsupported("node:net pushes connections; one accept at a time costs no more"),
      multishotReceive: unsupported("node:net pushes bytes; one receive at a time costs no more"),
      unixSockets:
        process.platform === "win32"
          ? unsupported("Windows has named pipes under names of their own")
          : native("node:net"),
      abstractUnixSockets: unsupported("the runtime fills the name up with zeros, which makes it another name"),
      renameNoReplace: unsupported("the runtime's rename always replaces; to look first would not be one step"),
      links: unsupported("made by core, not by this driver"),
      linkTimeout: unsupported("deadlines are kept by core's clock"),
    },
  },
  "needs native code",
);
