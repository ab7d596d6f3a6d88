/** New nodes of a simulated file system. */
import { createChannel } from "./channel.js";
import type { DirectoryNode, FifoNode, FileNode, Inode, LinkNode, SocketNode } from "./nodes.js";

export const TYPE_DIRECTORY = 0o040000;
const TYPE_FILE = 0o100000;
const TYPE_LINK = 0o120000;
const TYPE_SOCKET = 0o140000;
const TYPE_FIFO = 0o010000;
export const UMASK = 0o022;

export class NodeMaker {
  readonly #nowUs: () => number;
  #lastInode = 0;

  /** @param nowUs virtual time */
  constructor(nowUs: () => number) {
    this.#nowUs = nowUs;
  }

  #inode(mode: number): Inode {
    const nowUs = this.#nowUs();
    return {
      inode: ++this.#lastInode,
      mode,
      links: 1,
      accessedUs: nowUs,
      modifiedUs: nowUs,
      changedUs: nowUs,
      createdUs: nowUs,
    };
  }

  file(mode: number): FileNode {
    const inode = this.#inode(TYPE_FILE | (mode & 0o7777));
    return {
      kind: "file",
      bytes: new Uint8Array(0),
      size: 0,
      limit: undefined,
      placeless: false,
      opens: 0,
      isSink: false,
      ...inode,
    };
  }

  directory(): DirectoryNode {
    return { kind: "directory", children: new Map(), ...this.#inode(TYPE_DIRECTORY | 0o755) };
  }

  link(target: string): LinkNode {
    return { kind: "link", target, ...this.#inode(TYPE_LINK | 0o777) };
  }

  socket(): SocketNode {
    return { kind: "socket", ...this.#inode(TYPE_SOCKET | (0o777 & ~UMASK)) };
  }

  fifo(): FifoNode {
    return { kind: "fifo", channel: createChannel(0), ...this.#inode(TYPE_FIFO | (0o666 & ~UMASK)) };
  }
}
