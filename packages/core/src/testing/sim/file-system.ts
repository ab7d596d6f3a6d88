/**
 * Files in memory: directories, files and symbolic links with their metadata. Errors are negative errnos, as a
 * kernel answers them. Programs create files by opening them; directories and links are made by a test, through
 * `SimFiles`, because there is no operation that makes them.
 */
import { ERRNO } from "../../errno.js";
import { OPEN_FLAG } from "../../record.js";

const TYPE_DIRECTORY = 0o040000;
const TYPE_FILE = 0o100000;
const TYPE_LINK = 0o120000;
const UMASK = 0o022;
const LINKS_FOLLOWED_MAX = 40;
const NAME_BYTES_MAX = 255;
/** A file can be this long; beyond it `-EFBIG`. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

interface Inode {
  readonly inode: number;
  mode: number;
  links: number;
  accessedUs: number;
  modifiedUs: number;
  changedUs: number;
  readonly createdUs: number;
}

/** A file's content and metadata. */
export interface FileNode extends Inode {
  readonly kind: "file";
  /** Content; longer than `size` as a rule. */
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
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

/** Whatever a path can name. */
export type Node = FileNode | DirectoryNode | LinkNode;

/** What a test does to the files of a simulation from outside; throws where the file system would answer an error. */
export interface SimFiles {
  /** Creates or replaces a file. */
  write(path: string, content: Uint8Array | string): void;
  /** A copy of a file's content. */
  read(path: string): Uint8Array;
  /** Creates a directory whose parent exists. */
  makeDirectory(path: string): void;
  /** Creates a symbolic link. */
  link(path: string, target: string): void;
  /** Removes a name; open handles keep the content. */
  remove(path: string): void;
  exists(path: string): boolean;
}

interface Found {
  readonly parent: DirectoryNode;
  readonly name: string;
  /** `undefined` when nothing has the name. */
  readonly node: Node | undefined;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class SimFileSystem {
  readonly #nowUs: () => number;
  readonly #bytesMax: number;
  readonly #root: DirectoryNode;
  #bytesUsed = 0;
  #lastInode = 0;

  /**
   * @param nowUs virtual time
   * @param bytesMax size of the device: beyond it `-ENOSPC`
   */
  constructor(nowUs: () => number, bytesMax: number) {
    this.#nowUs = nowUs;
    this.#bytesMax = bytesMax;
    this.#root = this.#directory();
    this.#root.children.set("tmp", this.#directory());
  }

  /** Opens or creates a file: the node, or a negative errno. `flags` are `OPEN_FLAG` bits. */
  open(path: Uint8Array, flags: number, mode: number): FileNode | DirectoryNode | number {
    const has = (bit: number) => (flags & bit) !== 0;
    const exclusive = has(OPEN_FLAG.create) && has(OPEN_FLAG.exclusive);
    const found = this.#find(decoder.decode(path), !exclusive);
    if (typeof found === "number") return found;
    const { node } = found;
    if (node === undefined) {
      if (!has(OPEN_FLAG.create)) return -ERRNO.ENOENT;
      const created = this.#file(mode & ~UMASK);
      found.parent.children.set(found.name, created);
      this.#touch(found.parent);
      return created;
    }
    if (exclusive) return -ERRNO.EEXIST;
    if (node.kind === "link") return -ERRNO.ELOOP;
    if (node.kind === "directory") return has(OPEN_FLAG.write) || has(OPEN_FLAG.create) ? -ERRNO.EISDIR : node;
    if (has(OPEN_FLAG.truncate) && has(OPEN_FLAG.write)) this.resize(node, 0);
    return node;
  }

  /** The node of a path, or a negative errno. */
  find(path: Uint8Array, followLast: boolean): Node | number {
    const found = this.#find(decoder.decode(path), followLast);
    return typeof found === "number" ? found : (found.node ?? -ERRNO.ENOENT);
  }

  /** A copy of up to `length` bytes from `position`; empty at the end of the file. */
  read(file: FileNode, position: number, length: number): Uint8Array<ArrayBuffer> {
    file.accessedUs = this.#nowUs();
    return file.bytes.slice(Math.min(position, file.size), Math.min(position + length, file.size));
  }

  /** Writes as many bytes as fit on the device; how many, or a negative errno. */
  write(file: FileNode, position: number, source: Uint8Array): number {
    if (source.length === 0) return 0;
    if (position >= FILE_BYTES_MAX) return -ERRNO.EFBIG;
    const end = Math.min(position + source.length, FILE_BYTES_MAX);
    const room = file.size + this.#bytesMax - this.#bytesUsed;
    const count = Math.min(end, room) - position;
    if (count <= 0) return -ERRNO.ENOSPC;
    if (position + count > file.size) this.resize(file, position + count);
    file.bytes.set(source.subarray(0, count), position);
    this.#touch(file);
    return count;
  }

  /** Sets the length; 0 or a negative errno. */
  resize(file: FileNode, size: number): number {
    if (size > FILE_BYTES_MAX) return -ERRNO.EFBIG;
    if (this.#bytesUsed + size - file.size > this.#bytesMax) return -ERRNO.ENOSPC;
    if (size > file.bytes.length) {
      const grown = new Uint8Array(Math.max(size, file.bytes.length * 2, 512));
      grown.set(file.bytes.subarray(0, file.size));
      file.bytes = grown;
    } else if (size < file.size) {
      file.bytes.fill(0, size, file.size);
    }
    this.#bytesUsed += size - file.size;
    file.size = size;
    this.#touch(file);
    return 0;
  }

  /** The file system as a test sees it. */
  files(): SimFiles {
    return {
      write: (path, content) => {
        const bytes = typeof content === "string" ? encoder.encode(content) : content;
        const node = this.open(encoder.encode(path), OPEN_FLAG.write | OPEN_FLAG.create | OPEN_FLAG.truncate, 0o666);
        if (typeof node === "number" || node.kind !== "file") throw refused("write", path);
        if (bytes.length > 0 && this.write(node, 0, bytes) !== bytes.length) throw refused("write", path);
      },
      read: (path) => {
        const node = this.find(encoder.encode(path), true);
        if (typeof node === "number" || node.kind !== "file") throw refused("read", path);
        return node.bytes.slice(0, node.size);
      },
      makeDirectory: (path) => this.#add("makeDirectory", path, this.#directory()),
      link: (path, target) => {
        this.#add("link", path, { kind: "link", target, ...this.#inode(TYPE_LINK | 0o777) });
      },
      remove: (path) => {
        const found = this.#find(path, false);
        if (typeof found === "number" || found.node === undefined) throw refused("remove", path);
        found.parent.children.delete(found.name);
        found.node.links--;
        this.#touch(found.parent);
      },
      exists: (path) => typeof this.find(encoder.encode(path), true) !== "number",
    };
  }

  #add(where: string, path: string, node: Node): void {
    const found = this.#find(path, false);
    if (typeof found === "number" || found.node !== undefined) throw refused(where, path);
    found.parent.children.set(found.name, node);
    this.#touch(found.parent);
  }

  /** Walks a path. Relative paths start at the root, which is also the working directory. */
  #find(path: string, followLast: boolean): Found | number {
    let parts = path.split("/").filter((part) => part !== "" && part !== ".");
    const above: DirectoryNode[] = [];
    let directory = this.#root;
    let links = 0;
    for (let index = 0; index < parts.length; index++) {
      const name = parts[index]!;
      if (name === "..") {
        directory = above.pop() ?? this.#root;
        continue;
      }
      if (encoder.encode(name).length > NAME_BYTES_MAX) return -ERRNO.ENAMETOOLONG;
      const node = directory.children.get(name);
      const isLast = index === parts.length - 1;
      if (node?.kind === "link" && (!isLast || followLast)) {
        if (++links > LINKS_FOLLOWED_MAX) return -ERRNO.ELOOP;
        const target = node.target.split("/").filter((part) => part !== "" && part !== ".");
        parts = [...target, ...parts.slice(index + 1)];
        index = -1;
        if (node.target.startsWith("/")) {
          directory = this.#root;
          above.length = 0;
        }
        continue;
      }
      if (isLast) {
        // A trailing slash means a directory.
        if (path.endsWith("/") && node !== undefined && node.kind !== "directory") return -ERRNO.ENOTDIR;
        return { parent: directory, name, node };
      }
      if (node === undefined) return -ERRNO.ENOENT;
      if (node.kind !== "directory") return -ERRNO.ENOTDIR;
      above.push(directory);
      directory = node;
    }
    return { parent: this.#root, name: "", node: directory };
  }

  #touch(node: Inode): void {
    node.modifiedUs = this.#nowUs();
    node.changedUs = node.modifiedUs;
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

  #file(mode: number): FileNode {
    return { kind: "file", bytes: new Uint8Array(0), size: 0, ...this.#inode(TYPE_FILE | (mode & 0o7777)) };
  }

  #directory(): DirectoryNode {
    return { kind: "directory", children: new Map(), ...this.#inode(TYPE_DIRECTORY | 0o755) };
  }
}

function refused(where: string, path: string): Error {
  return new Error(`${where}: the simulated file system refuses ${path}`);
}
