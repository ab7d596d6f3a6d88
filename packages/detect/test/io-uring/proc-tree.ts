/** A `/proc` and a `/sys` made up in a directory, to be read as those of a machine. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type EvidenceSources, fileSources } from "../../src/io-uring/sources.js";

export interface ProcTree {
  readonly sources: EvidenceSources;
  [Symbol.dispose](): void;
}

/** Status of an ordinary process; lines can be replaced. */
export function statusText(changes: Readonly<Record<string, string>> = {}): string {
  const fields = {
    Name: "node",
    TracerPid: "0",
    Uid: "1000\t1000\t1000\t1000",
    Gid: "1000\t1000\t1000\t1000",
    Groups: "4 27 1000 ",
    CapEff: "0000000000000000",
    Seccomp: "0",
    Seccomp_filters: "0",
    ...changes,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("");
}

export const limitsText = `Limit                     Soft Limit           Hard Limit           Units     
Max open files            1024                 524288               files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
Max processes             30000                30000                processes 
`;

/** The files of a plain Debian machine. */
const plainFiles: Readonly<Record<string, string>> = {
  "proc/self/status": statusText(),
  "proc/self/limits": limitsText,
  "proc/self/uid_map": "         0          0 4294967295\n",
  "proc/self/cgroup": "0::/user.slice/session-1.scope\n",
  "proc/self/mountinfo": "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n",
  "proc/sys/kernel/osrelease": "6.12.0-1-amd64\n",
  "proc/sys/kernel/io_uring_disabled": "0\n",
  "proc/sys/kernel/io_uring_group": "-1\n",
  "proc/version": "Linux version 6.12.0-1-amd64 (debian-kernel@lists.debian.org)\n",
};

/** Writes the tree; `null` takes a file of the plain machine away. */
export function procTree(
  files: Readonly<Record<string, string | Uint8Array | null>> = {},
  rest: Partial<Pick<EvidenceSources, "env" | "arch" | "versions">> & { readonly descriptors?: readonly string[] } = {},
): ProcTree {
  const root = mkdtempSync(join(tmpdir(), "baton-proc-"));
  for (const [path, content] of Object.entries({ ...plainFiles, ...files })) {
    if (content === null) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const descriptors = rest.descriptors ?? ["/dev/null", "pipe:[1]", "anon_inode:[eventpoll]"];
  mkdirSync(join(root, "proc/self/fd"), { recursive: true });
  for (const [fd, target] of descriptors.entries()) symlinkSync(target, join(root, "proc/self/fd", String(fd)));
  return {
    sources: {
      platform: "linux",
      arch: rest.arch ?? "x64",
      runtime: "Node 20.20.2",
      versions: rest.versions ?? { uv: "1.46.0" },
      env: rest.env ?? {},
      ...fileSources(root),
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
