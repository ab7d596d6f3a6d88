/** What this driver declares, and how it does what readiness does not offer as such. */
import {
  type Capabilities,
  defineCapabilities,
  emulated,
  native,
  type OpcodeDefinition,
  type OpcodeName,
  opcodeTable,
  type Support,
  unsupported,
} from "@baton-io/core/driver";

const attempt = native("one non-blocking call; when it says not yet, again when epoll says so");
const thread = native("a worker thread of the driver's own");
const cacheOrThread = native("preadv2 with RWF_NOWAIT; what would block, on a worker thread");
const call = native("a system call that does not block, on the calling thread");
const bind = native("system calls on the calling thread; on a worker thread for a name in a file system");

/** What may have to wait for a file system. */
const withFiles: Partial<Record<OpcodeName, Support>> = Object.fromEntries(
  opcodeTable.flatMap((row: OpcodeDefinition) => (row.family === undefined ? [] : [[row.name, thread]])),
);

export const capabilities: Capabilities = defineCapabilities(
  {
    operations: {
      ...withFiles,
      nop: native("completed at once"),
      cancel: native("what waits for a descriptor, a timer or a thread; a call that a thread is in runs to its end"),
      close: native("sockets at once, files on a worker thread"),
      read: cacheOrThread,
      listen: bind,
      accept: attempt,
      connect: attempt,
      receive: attempt,
      send: attempt,
      shutdown: call,
      timer: native("one timerfd for all timers"),
      address: call,
      readv: cacheOrThread,
      receiveMessage: attempt,
      sendMessage: attempt,
      datagram: bind,
      splice: native("splice between sockets and pipes when both are ready; with a file, on a worker thread"),
      pipe: call,
      poll: attempt,
      adopt: call,
    },
    features: {
      multishotAccept: emulated("the operation stays in the queue of its listener"),
      multishotReceive: emulated("the operation stays in the queue of its socket"),
      providedBuffer: emulated("a buffer is taken when the attempt is made"),
      links: emulated("the driver starts the next when the one before has ended well"),
      linkTimeout: emulated("one timerfd for all timers; what a thread is in runs to its end"),
      cancelFile: native("until a worker thread has begun it"),
      cancelSocket: native(),
      joinedSends: native("sendmsg with a vector"),
      pageAlignedMemory: native(),
      directIo: native("O_DIRECT, on a worker thread"),
      reusePort: native("SO_REUSEPORT"),
      renameNoReplace: native("RENAME_NOREPLACE, on a worker thread"),
      unixSockets: native(),
      abstractUnixSockets: native(),
      registeredBuffers: unsupported("epoll knows no buffers"),
      registeredFiles: unsupported("epoll knows no registered files"),
      zeroCopySend: unsupported("not made: the attempt copies"),
    },
  },
  "not in this version",
);
