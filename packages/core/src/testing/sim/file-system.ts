/**
 * Files in memory: directories, files, symbolic links and the names of sockets, with their metadata. Errors are
 * negative errnos, as a kernel answers them.
 */
import { ERRNO, OPEN_FLAG } from "@baton-io/core/driver";
import { NodeMaker, TYPE_DIRECTORY, UMASK } from "./node-maker.js";
import type { DirectoryNode, FileNode, Inode, Node, OpenNode, Scarcity, SocketNode } from "./nodes.js";
import { type Found, walkPath } from "./walk-path.js";

/** Where the simulated wall clock stands when virtual time is 0: 2020-01-01, in microseconds. */
export const EPOCH_US = 1_577_836_800_000_000;

/** A file can be this long; beyond it `-EFBIG`. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

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
  /** Creates a pipe with a name. */
  makeFifo(path: string): void;
  /** Creates an empty file that is read at positions and written only where a handle stands. */
  makePlaceless(path: string): void;
  /** Creates a file that takes whatever is written and holds nothing. */
  makeSink(path: string): void;
  /** Gives a file a time of its last change, in seconds since 1970. */
  setModified(path: string, seconds: number): void;
  /** Removes a name; open handles keep the content. */
  remove(path: string): void;
  exists(path: string): boolean;
  /** What has the name, without following a link; `undefined` when nothing has. */
  kindOf(path: string): Node["kind"] | undefined;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class SimFileSystem {
  readonly #nowUs: () => number;
  readonly #make: NodeMaker;
  readonly #bytesMax: number;
  readonly #root: DirectoryNode;
  #bytesUsed = 0;
  #scarcity: Scarcity | undefined = undefined;

  /**
   * @param nowUs virtual time
   * @param bytesMax size of the device: beyond it `-ENOSPC`
   */
  constructor(nowUs: () => number, bytesMax: number) {
    this.#nowUs = nowUs;
    this.#make = new NodeMaker(nowUs);
    this.#bytesMax = bytesMax;
    this.#root = this.#make.directory();
    this.#root.children.set("tmp", this.#make.directory());
  }

  /** Opens or creates a file: the node, or a negative errno. `flags` are `OPEN_FLAG` bits. */
  open(path: Uint8Array, flags: number, mode: number): OpenNode | number {
    const has = (bit: number) => (flags & bit) !== 0;
    const exclusive = has(OPEN_FLAG.create) && has(OPEN_FLAG.exclusive);
    const found = this.#find(decoder.decode(path), !exclusive && !has(OPEN_FLAG.noFollow));
    if (typeof found === "number") return found;
    const { node } = found;
    if (has(OPEN_FLAG.temporary)) return this.#openTemporary(node, has(OPEN_FLAG.write), mode);
    if (has(OPEN_FLAG.directory)) {
      if (has(OPEN_FLAG.create)) return -ERRNO.EINVAL;
      if (node !== undefined && node.kind !== "directory") return -ERRNO.ENOTDIR;
    }
    // What would be created with a slash at the end would have to be a directory.
    if (has(OPEN_FLAG.create) && decoder.decode(path).endsWith("/")) return -ERRNO.EISDIR;
    if (node === undefined) {
      if (!has(OPEN_FLAG.create)) return -ERRNO.ENOENT;
      const created = this.#make.file(mode & ~UMASK);
      found.parent.children.set(found.name, created);
      this.#touch(found.parent);
      return created;
    }
    if (exclusive) return -ERRNO.EEXIST;
    if (node.kind === "link") return -ERRNO.ELOOP;
    if (node.kind === "socket") return -ERRNO.ENXIO;
    if (node.kind === "fifo") return node;
    if (node.kind === "directory") return has(OPEN_FLAG.write) || has(OPEN_FLAG.create) ? -ERRNO.EISDIR : node;
    if (has(OPEN_FLAG.truncate) && has(OPEN_FLAG.write)) this.resize(node, 0);
    return node;
  }

  /** A file without a name. */
  #openTemporary(directory: Node | undefined, writes: boolean, mode: number): FileNode | number {
    if (!writes) return -ERRNO.EINVAL;
    if (directory === undefined) return -ERRNO.ENOENT;
    if (directory.kind !== "directory") return -ERRNO.ENOTDIR;
    return Object.assign(this.#make.file(mode & ~UMASK), { links: 0 });
  }

  /** The node of a path, or a negative errno. */
  find(path: Uint8Array, followLast: boolean): Node | number {
    const text = decoder.decode(path);
    // A slash at the end asks for what a link leads to.
    const found = this.#find(text, followLast || text.endsWith("/"));
    return typeof found === "number" ? found : (found.node ?? -ERRNO.ENOENT);
  }

  /** Makes a directory; 0 or a negative errno. */
  makeDirectory(path: Uint8Array, mode: number): number {
    const node = this.#make.directory();
    node.mode = TYPE_DIRECTORY | (mode & ~UMASK & 0o1777);
    return this.#addAt(decoder.decode(path), node);
  }

  /** Gives `path` to a socket: its node, or a negative errno. */
  bindSocket(path: Uint8Array): SocketNode | number {
    const node = this.#make.socket();
    const result = this.#addAt(decoder.decode(path), node);
    return result === 0 ? node : result === -ERRNO.EEXIST ? -ERRNO.EADDRINUSE : result;
  }

  /** Gives a file one more name; 0 or a negative errno. */
  hardLink(existing: Uint8Array, path: Uint8Array): number {
    const node = this.find(existing, false);
    if (typeof node === "number") return node;
    const found = this.#find(decoder.decode(path), false);
    if (typeof found === "number") return found;
    // That something has the name already is found out first.
    if (found.node !== undefined) return -ERRNO.EEXIST;
    if (node.kind === "directory") return -ERRNO.EPERM;
    const result = this.#addAt(decoder.decode(path), node);
    if (result === 0) node.links++;
    return result;
  }

  /** Makes a symbolic link; 0 or a negative errno. */
  symbolicLink(target: Uint8Array, path: Uint8Array): number {
    if (target.length === 0) return -ERRNO.ENOENT;
    return this.#addAt(decoder.decode(path), this.#make.link(decoder.decode(target)));
  }

  /** Removes a name; 0 or a negative errno. */
  unlink(path: Uint8Array, isDirectory: boolean): number {
    const found = this.#find(decoder.decode(path), false);
    if (typeof found === "number") return found;
    const { parent, name, node } = found;
    if (node === undefined) return -ERRNO.ENOENT;
    if (isDirectory) {
      if (node.kind !== "directory") return -ERRNO.ENOTDIR;
      if (name === "") return -ERRNO.EBUSY;
      if (node.children.size > 0) return -ERRNO.ENOTEMPTY;
    } else if (node.kind === "directory") {
      return -ERRNO.EISDIR;
    }
    this.#remove(parent, name, node);
    return 0;
  }

  /** Gives what `from` names the name `to`; 0 or a negative errno. */
  rename(from: Uint8Array, to: Uint8Array, replace: boolean): number {
    // Where they are is found out first, for both.
    const source = walkPath(this.#root, decoder.decode(from), false);
    if (typeof source === "number") return source;
    const target = walkPath(this.#root, decoder.decode(to), false);
    if (typeof target === "number") return target;
    const { node } = source;
    if (source.name === "" || target.name === "") return -ERRNO.EBUSY;
    if (source.refusal !== 0) return source.refusal;
    if (node === undefined) return -ERRNO.ENOENT;
    if (target.refusal !== 0) return target.refusal;
    if (target.node !== undefined && !replace) return -ERRNO.EEXIST;
    const asDirectory = decoder.decode(to).endsWith("/");
    if (asDirectory && node.kind !== "directory") return -ERRNO.ENOTDIR;
    // A directory cannot go into itself, and nothing can take the place of what it is in.
    if (node.kind === "directory" && isWithin(node, target.parent)) return -ERRNO.EINVAL;
    if (target.node?.kind === "directory" && isWithin(target.node, source.parent)) return -ERRNO.ENOTEMPTY;
    if (target.node === node) return 0;
    if (target.node !== undefined) {
      const refusal = refusalToReplace(node, target.node);
      if (refusal !== 0) return refusal;
      this.#remove(target.parent, target.name, target.node);
    }
    source.parent.children.delete(source.name);
    target.parent.children.set(target.name, node);
    this.#touch(source.parent);
    this.#touch(target.parent);
    node.changedUs = this.#nowUs();
    return 0;
  }

  /** Zeroes a range as far as the file goes; the length stays. */
  zero(file: FileNode, position: number, length: number): void {
    file.bytes.fill(0, Math.min(position, file.size), Math.min(position + length, file.size));
    this.#touch(file);
  }

  /** A handle on it is open, or no longer. */
  opened(node: OpenNode): void {
    if (node.kind === "file") node.opens++;
  }

  closed(node: OpenNode): void {
    if (node.kind !== "file") return;
    node.opens--;
    this.#freeIfUnused(node);
  }

  /** A copy of up to `length` bytes from `position`; empty at the end of the file. */
  read(file: FileNode, position: number, length: number, touches = true): Uint8Array<ArrayBuffer> {
    if (touches) file.accessedUs = this.#nowUs();
    return file.bytes.slice(Math.min(position, file.size), Math.min(position + length, file.size));
  }

  /** Writes as many bytes as fit on the device; how many, or a negative errno. */
  write(file: FileNode, position: number, source: Uint8Array): number {
    if (source.length === 0) return 0;
    if (file.isSink) return source.length;
    const longest = this.#smallest(FILE_BYTES_MAX, file.limit);
    if (position >= longest) return -ERRNO.EFBIG;
    const end = Math.min(position + source.length, longest);
    const room = file.size + this.#deviceBytes - this.#bytesUsed;
    const count = Math.min(end, room) - position;
    if (count <= 0) return -ERRNO.ENOSPC;
    this.#store(file, position, source.subarray(0, count));
    return count;
  }

  /** Sets the length; 0 or a negative errno. */
  resize(file: FileNode, size: number): number {
    if (size > file.size) {
      if (size > this.#smallest(FILE_BYTES_MAX, file.limit)) return -ERRNO.EFBIG;
      if (this.#bytesUsed + size - file.size > this.#deviceBytes) return -ERRNO.ENOSPC;
    }
    this.#setSize(file, size);
    return 0;
  }

  /** What has room is in the file. */
  #store(file: FileNode, position: number, source: Uint8Array): void {
    const end = position + source.length;
    if (end > file.size) this.#setSize(file, end);
    file.bytes.set(source, position);
    this.#touch(file);
  }

  #setSize(file: FileNode, size: number): void {
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
  }

  /** For a while the device has room for `bytes` more, whichever file they go to. */
  fillUp(bytes: number, durationUs: number): void {
    this.#scarcity = { bytesMax: this.#bytesUsed + bytes, untilUs: this.#nowUs() + durationUs };
  }

  /** For a while the file can grow by `bytes` only. */
  limitSize(file: FileNode, bytes: number, durationUs: number): void {
    file.limit = { bytesMax: file.size + bytes, untilUs: this.#nowUs() + durationUs };
  }

  /** The file system as a test sees it. */
  files(): SimFiles {
    return {
      write: (path, content) => {
        const bytes = typeof content === "string" ? encoder.encode(content) : content;
        const node = this.open(encoder.encode(path), OPEN_FLAG.write | OPEN_FLAG.create | OPEN_FLAG.truncate, 0o666);
        if (typeof node === "number" || node.kind !== "file") throw refused("write", path);
        // A shortage that passes is the program's trouble, not the test's.
        if (bytes.length > Math.min(FILE_BYTES_MAX, this.#bytesMax - this.#bytesUsed)) throw refused("write", path);
        this.#store(node, 0, bytes);
      },
      read: (path) => {
        const node = this.find(encoder.encode(path), true);
        if (typeof node === "number" || node.kind !== "file") throw refused("read", path);
        return node.bytes.slice(0, node.size);
      },
      makeDirectory: (path) => this.#add("makeDirectory", path, this.#make.directory()),
      link: (path, target) => this.#add("link", path, this.#make.link(target)),
      makeFifo: (path) => this.#add("makeFifo", path, this.#make.fifo()),
      makePlaceless: (path) =>
        this.#add("makePlaceless", path, { ...this.#make.file(0o666 & ~UMASK), placeless: true }),
      makeSink: (path) => this.#add("makeSink", path, { ...this.#make.file(0o666 & ~UMASK), isSink: true }),
      setModified: (path, seconds) => {
        const node = this.find(encoder.encode(path), true);
        if (typeof node === "number") throw refused("setModified", path);
        node.modifiedUs = seconds * 1_000_000 - EPOCH_US;
      },
      remove: (path) => {
        const found = this.#find(path, false);
        if (typeof found === "number" || found.node === undefined) throw refused("remove", path);
        this.#remove(found.parent, found.name, found.node);
      },
      kindOf: (path) => {
        const node = this.find(encoder.encode(path), false);
        return typeof node === "number" ? undefined : node.kind;
      },
      exists: (path) => typeof this.find(encoder.encode(path), true) !== "number",
    };
  }

  /** What the device can hold now. */
  get #deviceBytes(): number {
    return this.#smallest(this.#bytesMax, this.#scarcity);
  }

  #smallest(bytesMax: number, scarcity: Scarcity | undefined): number {
    return scarcity === undefined || this.#nowUs() >= scarcity.untilUs
      ? bytesMax
      : Math.min(bytesMax, scarcity.bytesMax);
  }

  #add(where: string, path: string, node: Node): void {
    if (this.#addAt(path, node) !== 0) throw refused(where, path);
  }

  /** Gives a node a name that nothing has yet; 0 or a negative errno. */
  #addAt(path: string, node: Node): number {
    const found = this.#find(path, false);
    if (typeof found === "number") return found;
    if (found.node !== undefined) return -ERRNO.EEXIST;
    if (path.endsWith("/") && node.kind !== "directory") return -ERRNO.ENOENT;
    found.parent.children.set(found.name, node);
    this.#touch(found.parent);
    return 0;
  }

  #remove(parent: DirectoryNode, name: string, node: Node): void {
    parent.children.delete(name);
    node.links--;
    node.changedUs = this.#nowUs();
    this.#touch(parent);
    if (node.kind === "file") this.#freeIfUnused(node);
  }

  #freeIfUnused(file: FileNode): void {
    if (file.links > 0 || file.opens > 0) return;
    this.#bytesUsed -= file.size;
    file.size = 0;
    file.bytes = new Uint8Array(0);
  }

  /** What a path names, or a negative errno. */
  #find(path: string, followLast: boolean): Found | number {
    const found = walkPath(this.#root, path, followLast);
    return typeof found === "number" || found.refusal === 0 ? found : found.refusal;
  }

  #touch(node: Inode): void {
    node.modifiedUs = this.#nowUs();
    node.changedUs = node.modifiedUs;
  }
}

/** `directory` is `node` or lies somewhere in it. */
function isWithin(node: DirectoryNode, directory: DirectoryNode): boolean {
  if (node === directory) return true;
  for (const child of node.children.values()) {
    if (child.kind === "directory" && isWithin(child, directory)) return true;
  }
  return false;
}

/** Why one thing cannot take the name of another; 0 when it can. */
function refusalToReplace(node: Node, there: Node): number {
  if (node.kind !== "directory") return there.kind === "directory" ? -ERRNO.EISDIR : 0;
  if (there.kind !== "directory") return -ERRNO.ENOTDIR;
  return there.children.size > 0 ? -ERRNO.ENOTEMPTY : 0;
}

function refused(where: string, path: string): Error {
  return new Error(`${where}: the simulated file system refuses ${path}`);
}
