/** What names of a simulated file system stand for. */
import type { Channel } from "./channel.js";

export interface Inode {
  readonly inode: number;
  mode: number;
  links: number;
  accessedUs: number;
  modifiedUs: number;
  changedUs: number;
  readonly createdUs: number;
}

/** For a while there is room for so many bytes only. */
export interface Scarcity {
  readonly bytesMax: number;
  readonly untilUs: number;
}

/** A file's content and metadata. */
export interface FileNode extends Inode {
  readonly kind: "file";
  /** Content; longer than `size` as a rule. */
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  /** Until then it can be so long only; the device's own limit holds besides. */
  limit: Scarcity | undefined;
  /** It is written only where a handle stands, at no position, as some files under /proc. */
  readonly placeless: boolean;
  /** Handles that are open on it: without them and without a name its space is free. */
  opens: number;
  /** It takes whatever is written and holds nothing, as /dev/null does. */
  readonly isSink: boolean;
}

/** A directory. */
export interface DirectoryNode extends Inode {
  readonly kind: "directory";
  readonly children: Map<string, Node>;
}

/** A symbolic link. */
export interface LinkNode extends Inode {
  readonly kind: "link";
  readonly target: string;
}

/** The name of a socket. */
export interface SocketNode extends Inode {
  readonly kind: "socket";
}

/** A pipe that has a name. */
export interface FifoNode extends Inode {
  readonly kind: "fifo";
  readonly channel: Channel;
}

/** Whatever a path can name. */
export type Node = FileNode | DirectoryNode | LinkNode | SocketNode | FifoNode;

/** Whatever can be open. */
export type OpenNode = FileNode | DirectoryNode | FifoNode;
