/**
 * What the kernel says of a socket that somebody else has made, in the tables under `/proc/net`: the runtime has no call
 * for it that would leave the socket alone. Source: proc_pid_net(5).
 */
import { readFile } from "node:fs/promises";

/** A stream socket. */
export interface FoundSocket {
  readonly family: "unix" | "tcp";
  readonly listens: boolean;
  readonly connected: boolean;
  /** Of a Unix-domain socket: the path that it is bound to, empty for none. An abstract name begins with a NUL. */
  readonly path: string;
}

/** A Unix-domain socket that listens: `__SO_ACCEPTCON`. */
const ACCEPTS = 0x1_0000;
const STREAM_TYPE = 1;
const UNIX_CONNECTED = 3;
/** States of TCP. */
const TCP_CLOSED = 7;
const TCP_LISTEN = 10;

/** The stream socket with this inode; `undefined` when it is another kind of socket, or in another network namespace. */
export async function findSocket(inode: number): Promise<FoundSocket | undefined> {
  return (await findUnix(inode)) ?? (await findTcp("tcp", inode)) ?? (await findTcp("tcp6", inode));
}

async function findUnix(inode: number): Promise<FoundSocket | undefined> {
  for (const line of await linesOf("unix")) {
    // Num RefCount Protocol Flags Type St Inode Path
    const [, flags, type, state, number, path = ""] =
      /^\S+: \S+ \S+ (\S+) (\S+) (\S+) +(\d+)(?: (.*))?$/.exec(line) ?? [];
    if (Number(number) !== inode) continue;
    if (Number.parseInt(type!, 16) !== STREAM_TYPE) return undefined;
    const listens = (Number.parseInt(flags!, 16) & ACCEPTS) !== 0;
    const connected = Number.parseInt(state!, 16) === UNIX_CONNECTED;
    return { family: "unix", listens, connected, path: path.replaceAll("@", (at, where) => (where === 0 ? "\0" : at)) };
  }
  return undefined;
}

async function findTcp(table: "tcp" | "tcp6", inode: number): Promise<FoundSocket | undefined> {
  for (const line of await linesOf(table)) {
    // sl local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid timeout inode …
    const fields = line.trim().split(/\s+/);
    if (Number(fields[9]) !== inode) continue;
    const state = Number.parseInt(fields[3]!, 16);
    const listens = state === TCP_LISTEN;
    return { family: "tcp", listens, connected: !listens && state !== TCP_CLOSED, path: "" };
  }
  return undefined;
}

async function linesOf(table: string): Promise<readonly string[]> {
  try {
    // The first line says what the columns are.
    return (await readFile(`/proc/self/net/${table}`, "latin1")).split("\n").slice(1);
  } catch {
    return [];
  }
}
