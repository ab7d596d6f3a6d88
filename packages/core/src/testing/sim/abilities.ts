/** What the simulated driver can do, what it refuses, and which operations can be ended early. */
import { type Capabilities, isSupported } from "@baton-io/core";
import {
  defineCapabilities,
  native,
  OPCODE,
  type OpcodeDefinition,
  opcodeNames,
  opcodeTable,
} from "@baton-io/core/driver";
import { keepsNames } from "./path-operations.js";
import type { Ticket } from "./ticket.js";

const definitions: readonly OpcodeDefinition[] = opcodeTable;

/** A flag of the operation asks for what the driver lacks. */
export function lacksFeature({ features }: Capabilities, ticket: Ticket): boolean {
  const { opcode, multishot, providedBuffer } = ticket;
  if (ticket.linked && !isSupported(features.links)) return true;
  if (keepsNames(ticket) && !isSupported(features.renameNoReplace)) return true;
  if (ticket.timeoutUs > 0 && !isSupported(features.linkTimeout)) return true;
  if (providedBuffer && !isSupported(features.providedBuffer)) return true;
  if (!multishot) return false;
  return !isSupported(opcode === OPCODE.accept ? features.multishotAccept : features.multishotReceive);
}

export function isCancelable({ features }: Capabilities, ticket: Ticket): boolean {
  if (isOnFile(ticket)) return isSupported(features.cancelFile);
  return !onStream.has(ticket.opcode) || isSupported(features.cancelSocket);
}

/** Operations that cannot be stopped, because they are over before anybody could. */
export function isQuick({ opcode }: Ticket): boolean {
  return opcode === OPCODE.close || opcode === OPCODE.shutdown;
}

/** Operations on files and on names: but for a pipe's reads and writes they never wait for somebody else. */
export function isOnFile({ opcode }: Ticket): boolean {
  return definitions[opcode]?.family !== undefined;
}

/** It is with a disk, and not waiting for the other end of a pipe: its end comes by itself. */
export function isOnDisk(ticket: Ticket): boolean {
  return isOnFile(ticket) && !ticket.isWaiting;
}

/** Operations that wait for the other end of a socket. */
const onStream: ReadonlySet<number> = new Set([
  ...[OPCODE.receive, OPCODE.send, OPCODE.receiveMessage, OPCODE.sendMessage, OPCODE.splice, OPCODE.poll],
]);

const simulated = native("simulated in memory");

/** What the simulated driver can do: every operation, and the features that need no real memory or kernel. */
export const simCapabilities: Capabilities = defineCapabilities(
  {
    operations: Object.fromEntries(opcodeNames.map((name) => [name, simulated])),
    features: {
      multishotAccept: simulated,
      multishotReceive: simulated,
      links: simulated,
      linkTimeout: simulated,
      renameNoReplace: simulated,
      unixSockets: simulated,
      abstractUnixSockets: simulated,
      providedBuffer: simulated,
      cancelFile: simulated,
      cancelSocket: simulated,
      joinedSends: simulated,
      reusePort: simulated,
    },
  },
  "not simulated",
);
