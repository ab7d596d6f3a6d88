// @ts-check
/** The file steps by a driver. */
import { askFor, memberOutcome, positionOf } from "./chain-step.mjs";
import { ON_NAMES } from "./oracle.mjs";
import { cut, errorOutcome, fillBytes, fillParts, fingerprint, SKIPPED, statOutcome } from "./outcome.mjs";

/** @typedef {import("@baton-io/core").Backend} Backend */
/** @typedef {import("@baton-io/core").File} File */
/** @typedef {import("./outcome.mjs").Outcome} Outcome */
/** @typedef {import("./script.mjs").FileStep} FileStep */
/** @typedef {Extract<FileStep, { slot: number }>} SlotStep */

export class FileWorld {
  /** @type {Map<number, File>} */
  #open = new Map();

  /**
   * @param {Backend} io
   * @param {string} directory where its files go, with a slash at the end
   */
  constructor(io, directory) {
    this.io = io;
    this.directory = directory;
  }

  /** @param {FileStep} step @returns {Promise<Outcome>} */
  async run(step) {
    try {
      return await this.#run(step);
    } catch (error) {
      return errorOutcome(error, { directory: this.directory, withPath: ON_NAMES.has(step.do) });
    }
  }

  async close() {
    for (const file of this.#open.values()) await file.close();
  }

  /** @param {FileStep} step @returns {Promise<Outcome>} */
  async #run(step) {
    const { io, directory: at } = this;
    switch (step.do) {
      case "open": {
        if (this.#open.has(step.slot)) return SKIPPED;
        this.#open.set(step.slot, await io.openFile(at + step.name, step.flags));
        return "open";
      }
      case "stat":
        return statOutcome(await io.stat(at + step.name, { followLinks: step.follow }));
      case "unlink":
        await io.unlink(at + step.name);
        return "unlinked";
      case "rmdir":
        await io.rmdir(at + step.name);
        return "removed";
      case "mkdir":
        await io.mkdir(at + step.name, { mode: step.mode });
        return "made";
      case "rename":
        await io.rename(at + step.name, at + step.to);
        return "renamed";
      case "hardlink":
        await io.hardlink(at + step.name, at + step.to);
        return "linked";
      case "symlink":
        await io.symlink(step.target, at + step.name);
        return "linked";
      case "chain":
        return this.#chain(step.members);
      default: {
        const file = this.#open.get(step.slot);
        return file === undefined ? SKIPPED : this.#onFile(step, file);
      }
    }
  }

  /** @param {readonly import("./script.mjs").ChainMember[]} members @returns {Promise<Outcome>} */
  async #chain(members) {
    const { io, directory } = this;
    const slots = members.flatMap((member) => ("slot" in member ? [member.slot] : []));
    if (slots.some((slot) => !this.#open.has(slot))) return SKIPPED;
    const world = {
      at: directory,
      fileOf: (/** @type {number} */ slot) => /** @type {File} */ (this.#open.get(slot)),
      take: (/** @type {number} */ length) => io.buffers.take(length),
    };
    const asked = members.map((member) => askFor(member, world));
    try {
      const results = await io.chain(asked.map(({ request }) => request));
      const outcomes = asked.map((one, index) =>
        memberOutcome(/** @type {PromiseSettledResult<unknown>} */ (results[index]), one, {
          directory,
          withPath: ON_NAMES.has(/** @type {import("./script.mjs").ChainMember} */ (members[index]).do),
        }),
      );
      return outcomes.join(" | ");
    } finally {
      for (const { buffers } of asked) for (const buffer of buffers) buffer.release();
    }
  }

  /** @param {Exclude<SlotStep, { do: "open" }>} step @param {File} file @returns {Promise<Outcome>} */
  async #onFile(step, file) {
    switch (step.do) {
      case "close":
        this.#open.delete(step.slot);
        await file.close();
        return "closed";
      case "read":
        return this.#withBuffers([step.length], async ([buffer]) => {
          const { bytesRead } = await file.read(/** @type {never} */ (buffer), positionOf(step));
          return fingerprint(cut([/** @type {any} */ (buffer).bytes], bytesRead));
        });
      case "write":
        return this.#withBuffers([step.length], async ([buffer]) => {
          fillBytes(/** @type {any} */ (buffer).bytes, step.fill, 0);
          return `wrote ${(await file.write(/** @type {never} */ (buffer), positionOf(step))).bytesWritten}`;
        });
      case "readv":
        return this.#withBuffers(step.lengths, async (buffers) => {
          const { bytesRead } = await file.readv(buffers, positionOf(step));
          return `${bytesRead} in ${fingerprint(cut(bytesOf(buffers), bytesRead))}`;
        });
      case "writev":
        return this.#withBuffers(step.lengths, async (buffers) => {
          fillParts(bytesOf(buffers), step.fill);
          return `wrote ${(await file.writev(buffers, positionOf(step))).bytesWritten}`;
        });
      case "truncate":
        await file.truncate(step.length);
        return "truncated";
      case "sync":
        await (step.dataOnly ? file.datasync() : file.sync());
        return "synced";
      case "fstat":
        return statOutcome(await file.stat());
    }
  }

  /**
   * Buffers of these lengths for as long as `use` needs them.
   *
   * @param {readonly number[]} lengths
   * @param {(buffers: import("@baton-io/core").OwnedBuffer[]) => Promise<Outcome>} use
   */
  async #withBuffers(lengths, use) {
    const buffers = lengths.map((length) => this.io.buffers.take(length));
    try {
      return await use(buffers);
    } finally {
      for (const buffer of buffers) buffer.release();
    }
  }
}

/** @param {readonly import("@baton-io/core").OwnedBuffer[]} buffers */
function bytesOf(buffers) {
  return buffers.map(({ bytes }) => bytes);
}
