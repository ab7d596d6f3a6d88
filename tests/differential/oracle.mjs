// @ts-check
/** The file steps by `node:fs`: what every driver is compared with. */
import * as fs from "node:fs";
import { endedWell } from "./chain-step.mjs";
import { cut, errorOutcome, fillBytes, fillParts, fingerprint, NOT_DONE, SKIPPED, statOutcome } from "./outcome.mjs";

/** @typedef {import("./outcome.mjs").Outcome} Outcome */
/** @typedef {import("./script.mjs").FileStep} FileStep */

/** Steps whose errors carry a path; on an open file the runtime's own errors have none. */
export const ON_NAMES = new Set(["open", "stat", "unlink", "rmdir", "mkdir", "rename", "hardlink", "symlink"]);

export class Oracle {
  /** @type {Map<number, number>} */
  #open = new Map();
  /**
   * Where files that append read next: at the start, behind what was read, or behind an append at the end, which is
   * looked up by the next read and not before (decision 0020). The kernel would know where the append itself ended.
   *
   * @type {Map<number, number | "end">}
   */
  #next = new Map();

  /** @param {string} directory where its files go, with a slash at the end */
  constructor(directory) {
    this.directory = directory;
  }

  /** @param {FileStep} step @returns {Outcome} */
  run(step) {
    try {
      return this.#run(step);
    } catch (error) {
      const { syscall } = /** @type {NodeJS.ErrnoException} */ (error);
      // The runtime has one name for two calls here, and two for one there.
      const renamed =
        step.do === "readv" || step.do === "writev"
          ? step.do
          : syscall === "fstat" || syscall === "lstat"
            ? "stat"
            : syscall;
      const told = Object.assign(Object.create(/** @type {object} */ (error)), { syscall: renamed });
      return errorOutcome(told, { directory: this.directory, withPath: ON_NAMES.has(step.do) });
    }
  }

  close() {
    for (const fd of this.#open.values()) fs.closeSync(fd);
  }

  /** @param {FileStep} step @returns {Outcome} */
  #run(step) {
    const at = this.directory;
    switch (step.do) {
      case "open": {
        if (this.#open.has(step.slot)) return SKIPPED;
        this.#open.set(step.slot, fs.openSync(at + step.name, step.flags));
        if (step.flags.startsWith("a")) this.#next.set(step.slot, 0);
        return "open";
      }
      case "stat":
        return statOutcome((step.follow ? fs.statSync : fs.lstatSync)(at + step.name));
      case "unlink":
        fs.unlinkSync(at + step.name);
        return "unlinked";
      case "rmdir":
        fs.rmdirSync(at + step.name);
        return "removed";
      case "mkdir":
        fs.mkdirSync(at + step.name, step.mode);
        return "made";
      case "rename":
        fs.renameSync(at + step.name, at + step.to);
        return "renamed";
      case "hardlink":
        fs.linkSync(at + step.name, at + step.to);
        return "linked";
      case "symlink":
        fs.symlinkSync(step.target, at + step.name);
        return "linked";
      case "chain":
        return this.#chain(step.members);
      default: {
        const fd = this.#open.get(step.slot);
        return fd === undefined ? SKIPPED : this.#onFile(step, fd);
      }
    }
  }

  /**
   * One after the other, until one does not end well.
   *
   * @param {readonly import("./script.mjs").ChainMember[]} members
   * @returns {Outcome}
   */
  #chain(members) {
    if (members.some((member) => "slot" in member && !this.#open.has(member.slot))) return SKIPPED;
    let goesOn = true;
    const outcomes = members.map((member) => {
      if (!goesOn) return NOT_DONE;
      const outcome = this.run(member);
      goesOn = endedWell(member, outcome);
      return outcome;
    });
    return outcomes.join(" | ");
  }

  /**
   * @param {Exclude<FileStep, { do: "open" | "stat" | "unlink" | "rmdir" | "mkdir" | "rename" | "hardlink" | "symlink" | "chain" }>} step
   * @param {number} fd
   * @returns {Outcome}
   */
  #onFile(step, fd) {
    switch (step.do) {
      case "close":
        this.#open.delete(step.slot);
        this.#next.delete(step.slot);
        fs.closeSync(fd);
        return "closed";
      case "read": {
        const bytes = new Uint8Array(step.length);
        const from = this.#readsFrom(step, fd);
        const count = fs.readSync(fd, bytes, 0, step.length, from);
        this.#hasRead(step, from, count);
        return fingerprint([bytes.subarray(0, count)]);
      }
      case "write": {
        const bytes = new Uint8Array(step.length);
        fillBytes(bytes, step.fill, 0);
        const count = fs.writeSync(fd, bytes, 0, step.length, step.position ?? null);
        this.#hasWritten(step);
        return `wrote ${count}`;
      }
      case "readv": {
        const parts = step.lengths.map((length) => new Uint8Array(length));
        const from = this.#readsFrom(step, fd);
        const count = fs.readvSync(fd, parts, from ?? undefined);
        this.#hasRead(step, from, count);
        return `${count} in ${fingerprint(cut(parts, count))}`;
      }
      case "writev": {
        const parts = step.lengths.map((length) => new Uint8Array(length));
        fillParts(parts, step.fill);
        const count = fs.writevSync(fd, parts, step.position);
        this.#hasWritten(step);
        return `wrote ${count}`;
      }
      case "truncate":
        fs.ftruncateSync(fd, step.length);
        return "truncated";
      case "sync":
        (step.dataOnly ? fs.fdatasyncSync : fs.fsyncSync)(fd);
        return "synced";
      case "fstat":
        return statOutcome(fs.fstatSync(fd));
    }
  }

  /**
   * @param {{ slot: number, position: number | undefined }} step
   * @param {number} fd
   * @returns {number | null} null: where the kernel has it
   */
  #readsFrom({ slot, position }, fd) {
    if (position !== undefined) return position;
    const next = this.#next.get(slot) ?? null;
    return next === "end" ? fs.fstatSync(fd).size : next;
  }

  /** @param {{ slot: number, position: number | undefined }} step @param {number | null} from @param {number} count */
  #hasRead({ slot, position }, from, count) {
    if (position === undefined && from !== null) this.#next.set(slot, from + count);
  }

  /** @param {{ slot: number, position: number | undefined }} step */
  #hasWritten({ slot, position }) {
    if (position === undefined && this.#next.has(slot)) this.#next.set(slot, "end");
  }
}
