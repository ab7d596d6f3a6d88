/** How a path is followed, as path_resolution(7) has it. */
import { ERRNO } from "@baton-io/core/driver";
import type { DirectoryNode, Node } from "./nodes.js";

const LINKS_FOLLOWED_MAX = 40;
const NAME_BYTES_MAX = 255;

export interface Found {
  readonly parent: DirectoryNode;
  readonly name: string;
  /** `undefined` when nothing has the name. */
  readonly node: Node | undefined;
  /** Why nothing can be done with the name itself, as a negative errno; 0 when something can. */
  readonly refusal: number;
}

const encoder = new TextEncoder();

/** The names that a path is made of, in order; `..` is one. */
function namesIn(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Walks a path. Relative paths start at the root, which is also the working directory. */
export function walkPath(root: DirectoryNode, path: string, followLast: boolean): Found | number {
  let parts = namesIn(path);
  const above: DirectoryNode[] = [];
  let directory = root;
  let links = 0;
  for (let index = 0; index < parts.length; index++) {
    const name = parts[index]!;
    if (name === "..") {
      directory = above.pop() ?? root;
      continue;
    }
    const isTooLong = encoder.encode(name).length > NAME_BYTES_MAX;
    const node = directory.children.get(name);
    const isLast = index === parts.length - 1;
    if (isTooLong && !isLast) return -ERRNO.ENAMETOOLONG;
    if (node?.kind === "link" && (!isLast || followLast)) {
      if (++links > LINKS_FOLLOWED_MAX) return -ERRNO.ELOOP;
      parts = [...namesIn(node.target), ...parts.slice(index + 1)];
      index = -1;
      if (node.target.startsWith("/")) {
        directory = root;
        above.length = 0;
      }
      continue;
    }
    if (isLast) {
      // A trailing slash means a directory.
      const isWrongKind = path.endsWith("/") && node !== undefined && node.kind !== "directory";
      const refusal = isTooLong ? -ERRNO.ENAMETOOLONG : isWrongKind ? -ERRNO.ENOTDIR : 0;
      return { parent: directory, name, node, refusal };
    }
    if (node === undefined) return -ERRNO.ENOENT;
    if (node.kind !== "directory") return -ERRNO.ENOTDIR;
    above.push(directory);
    directory = node;
  }
  return { parent: root, name: "", node: directory, refusal: 0 };
}
