// @ts-check
/** The steps of a chain: as requests of a driver, and what came of each, told as if each had been a step by itself. */
import { cut, errorOutcome, fillParts, fingerprint, NOT_DONE, statOutcome } from "./outcome.mjs";

/** @typedef {import("@baton-io/core").File} File */
/** @typedef {import("@baton-io/core").OwnedBuffer} OwnedBuffer */
/** @typedef {import("@baton-io/core").Request} Request */
/** @typedef {import("./outcome.mjs").Outcome} Outcome */
/** @typedef {import("./script.mjs").ChainMember} ChainMember */

/**
 * @typedef {object} Asked
 * @property {Request} request
 * @property {readonly OwnedBuffer[]} buffers What it holds; to be released.
 * @property {(value: any) => Outcome} tell
 */

/**
 * @param {ChainMember} member
 * @param {object} world
 * @param {string} world.at where its names are, with a slash at the end
 * @param {(slot: number) => File} world.fileOf
 * @param {(length: number) => OwnedBuffer} world.take
 * @returns {Asked}
 */
export function askFor(member, { at, fileOf, take }) {
  switch (member.do) {
    case "read":
    case "readv": {
      const buffers = lengthsOf(member).map(take);
      const on = { file: fileOf(member.slot), ...positionOf(member) };
      const request =
        member.do === "readv"
          ? /** @type {const} */ ({ opcode: "readv", buffers, ...on })
          : /** @type {const} */ ({ opcode: "read", buffer: /** @type {OwnedBuffer} */ (buffers[0]), ...on });
      const bytes = () => buffers.map((buffer) => buffer.bytes);
      /** @param {{ bytesRead: number }} value */
      const tell = ({ bytesRead }) => {
        const told = fingerprint(cut(bytes(), bytesRead));
        return member.do === "readv" ? `${bytesRead} in ${told}` : told;
      };
      return { request, buffers, tell };
    }
    case "write":
    case "writev": {
      const buffers = lengthsOf(member).map(take);
      fillParts(
        buffers.map(({ bytes }) => bytes),
        member.fill,
      );
      const on = { file: fileOf(member.slot), ...positionOf(member) };
      const request =
        member.do === "writev"
          ? /** @type {const} */ ({ opcode: "writev", buffers, ...on })
          : /** @type {const} */ ({ opcode: "write", buffer: /** @type {OwnedBuffer} */ (buffers[0]), ...on });
      return { request, buffers, tell: ({ bytesWritten }) => `wrote ${bytesWritten}` };
    }
    case "truncate":
      return plain({ opcode: "truncate", file: fileOf(member.slot), length: member.length }, "truncated");
    case "sync":
      return plain({ opcode: member.dataOnly ? "fdatasync" : "fsync", file: fileOf(member.slot) }, "synced");
    case "fstat":
      return { request: { opcode: "stat", file: fileOf(member.slot) }, buffers: [], tell: statOutcome };
    case "stat":
      return {
        request: { opcode: "stat", path: at + member.name, followLinks: member.follow },
        buffers: [],
        tell: statOutcome,
      };
    case "unlink":
      return plain({ opcode: "unlink", path: at + member.name }, "unlinked");
    case "rmdir":
      return plain({ opcode: "unlink", path: at + member.name, directory: true }, "removed");
    case "mkdir":
      return plain({ opcode: "mkdir", path: at + member.name, mode: member.mode }, "made");
    case "rename":
      return plain({ opcode: "rename", from: at + member.name, to: at + member.to }, "renamed");
    case "hardlink":
      return plain({ opcode: "hardlink", existing: at + member.name, path: at + member.to }, "linked");
    case "symlink":
      return plain({ opcode: "symlink", target: member.target, path: at + member.name }, "linked");
  }
}

/**
 * What came of a member: what it answered, its error, or that it was not done.
 *
 * @param {PromiseSettledResult<unknown>} result
 * @param {Asked} asked
 * @param {{ directory: string, withPath: boolean }} world
 * @returns {Outcome}
 */
export function memberOutcome(result, asked, world) {
  if (result.status === "fulfilled") return asked.tell(result.value);
  return result.reason?.code === "ERR_CHAIN_BROKEN" ? NOT_DONE : errorOutcome(result.reason, world);
}

/**
 * Whether what is behind a member is done: it had no error, and moved all that it was asked to.
 *
 * @param {ChainMember} member
 * @param {Outcome} outcome
 */
export function endedWell(member, outcome) {
  if (outcome.startsWith("{")) return false;
  if (member.do === "truncate" || !("length" in member || "lengths" in member)) return true;
  const wanted = lengthsOf(member).reduce((sum, length) => sum + length, 0);
  return Number(/\d+/.exec(outcome)?.[0]) === wanted;
}

/** @param {Request} request @param {Outcome} outcome @returns {Asked} */
function plain(request, outcome) {
  return { request, buffers: [], tell: () => outcome };
}

/** @param {{ length: number } | { lengths: readonly number[] }} step */
function lengthsOf(step) {
  return "lengths" in step ? step.lengths : [step.length];
}

/** @param {{ position: number | undefined }} step */
export function positionOf({ position }) {
  return position === undefined ? {} : { position };
}
