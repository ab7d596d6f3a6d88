/** What a child process inherits while operations are in flight: `descriptors.mjs DRIVER PATH`. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { say } from "./drivers.js";
import { startAll } from "./in-flight.js";

/** In `flags:` of a descriptor's information, octal. */
const O_CLOEXEC = 0o2000000;

const linkOf = (fd: string) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor of the listing itself.
    return undefined;
  }
};
const own = new Set(readdirSync("/proc/self/fd"));
/** Pipes and files that whoever started this process has left open for it and its children. */
const handedDown = new Set([...own].map(linkOf).filter((link) => link?.startsWith("anon_inode:") === false));
const [driver = "", path = ""] = process.argv.slice(2);
const { io } = await startAll(driver, path);

const added = readdirSync("/proc/self/fd").filter((fd) => !own.has(fd) && linkOf(fd) !== undefined);
const inherited = added.filter((fd) => {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
});
const child = spawnSync("/bin/ls", ["-l", "/proc/self/fd"], { encoding: "utf8" });
// Beside the directory that is being listed.
const ofChild = [...child.stdout.matchAll(/ (\d+) -> (.*)$/gm)]
  .filter(([, fd, target]) => Number(fd) > 2 && !handedDown.has(target) && !/^\/proc\/\d+\/fd$/.test(target ?? ""))
  .map(([, , target]) => target);
const { unconfirmedOperations } = await io.close();
say({
  added: added.length,
  inheritable: inherited.map((fd) => linkOf(fd) ?? fd),
  ofChild,
  unconfirmedOperations,
});
