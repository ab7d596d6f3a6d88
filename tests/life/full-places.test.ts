/** Writing at a file's own position where there is no room for all of it: nothing is overwritten, every count is exact. */
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findDrivers, isFound } from "../conformance/drivers.js";
import { bundlePrograms } from "./bundle-programs.js";
import { reportOf, runProgram } from "./run-program.js";

const programs = bundlePrograms(new URL("programs/full-places.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "baton-full-places-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const FITS_BYTES = 1024 * 1024;

/** A place for so many bytes. */
interface Place {
  readonly what: string;
  readonly code: string;
  readonly path: string;
  /** A command that makes it for the command behind it. */
  readonly launcher: readonly string[];
  /** Makes it for everybody; answers its path and what removes it. */
  readonly make?: () => { readonly path: string; remove(): void };
  readonly needsRoot: boolean;
}

const inShell = (script: string): readonly string[] => ["bash", "-c", `${script}; exec "$@"`, "bash"];
const full = join(directory, "full");
mkdirSync(full);

const places: readonly Place[] = [
  {
    what: "a limit on the length of files",
    code: "EFBIG",
    path: join(directory, "limited"),
    launcher: inShell(`trap "" XFSZ; ulimit -f ${FITS_BYTES / 1024}`),
    needsRoot: false,
  },
  {
    what: "a full file system",
    code: "ENOSPC",
    path: join(full, "file"),
    launcher: ["unshare", "--mount", ...inShell(`mount -t tmpfs -o size=${FITS_BYTES} none ${full} || exit 9`)],
    needsRoot: true,
  },
  {
    what: "the end of a block device",
    code: "ENOSPC",
    path: "",
    launcher: [],
    make: makeDevice,
    needsRoot: true,
  },
];

function makeDevice() {
  const image = join(directory, "image");
  const fd = openSync(image, "w");
  ftruncateSync(fd, FITS_BYTES);
  closeSync(fd);
  const path = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
  return { path, remove: () => execFileSync("losetup", ["--detach", path]) };
}

for (const driver of await findDrivers()) {
  describe(`${driver.name}: writing to`, () => {
    for (const { what, code, path, launcher, make, needsRoot } of places) {
      // mutant: own-position-left-to-the-driver
      test(`${what} says how much was written, and that is what is there`, async ({ skip }) => {
        if (!isFound(driver)) return skip(driver.why);
        if (needsRoot && process.getuid?.() !== 0) return skip("only root can mount file systems and make devices");
        const made = make?.();
        try {
          const options = { arguments: [driver.name, made?.path ?? path, String(FITS_BYTES)], within: launcher };
          const report = reportOf<object>(await runProgram(programs.path("full-places"), options));
          const expected = { code, total: FITS_BYTES, right: true, bytesRead: 0 };
          const ways = ["writeFull", "write", "writev", "chain", "pipeTo"];
          expect(report).toEqual(Object.fromEntries(ways.map((way) => [way, expected])));
        } finally {
          made?.remove();
        }
      });
    }
  });
}
