// @ts-check
/**
 * Scripts: what to do with files and sockets, step by step, decided by a seed. A step says nothing about what comes of
 * it; that is for the worlds in which it is run to say, and for the comparison to wonder about.
 */
import { Random } from "@baton-io/core/testing";

/**
 * @typedef {"near" | "far"} Side
 *
 * @typedef {{ do: "open", slot: number, name: string, flags: "r" | "r+" | "w" | "w+" | "wx" | "a" | "a+" | "ax" }
 *   | { do: "close", slot: number }
 *   | { do: "read", slot: number, length: number, position: number | undefined }
 *   | { do: "write", slot: number, length: number, position: number | undefined, fill: number }
 *   | { do: "readv", slot: number, lengths: readonly number[], position: number | undefined }
 *   | { do: "writev", slot: number, lengths: readonly number[], position: number | undefined, fill: number }
 *   | { do: "truncate", slot: number, length: number }
 *   | { do: "sync", slot: number, dataOnly: boolean }
 *   | { do: "fstat", slot: number }
 *   | { do: "stat", name: string, follow: boolean }
 *   | { do: "unlink" | "rmdir", name: string }
 *   | { do: "mkdir", name: string, mode: number }
 *   | { do: "rename" | "hardlink", name: string, to: string }
 *   | { do: "symlink", target: string, name: string }
 *   | { do: "chain", members: readonly ChainMember[] }} FileStep
 *
 * @typedef {Exclude<FileStep, { do: "open" | "close" | "chain" }>} ChainMember What `io.chain` can be given of them.
 *
 * @typedef {{ do: "listen", slot: number, host: string }
 *   | { do: "listenAt", slot: number, name: string }
 *   | { do: "closeListener", slot: number }
 *   | { do: "listenAgain", slot: number }
 *   | { do: "connectNobody", host: string }
 *   | { do: "connectAt", name: string }
 *   | { do: "pair", slot: number, listener: number }
 *   | { do: "send", slot: number, side: Side, length: number, fill: number }
 *   | { do: "receive", slot: number, side: Side, length: number }
 *   | { do: "receiveProvided", slot: number, side: Side }
 *   | { do: "waitInVain", slot: number, side: Side, how: "timeout" | "cancel" }
 *   | { do: "shutdown", slot: number, side: Side }
 *   | { do: "addresses", slot: number }
 *   | { do: "hangUp", slot: number, side: Side }} SocketStep
 *
 * @typedef {{ do: "bind", slot: number, host: string }
 *   | { do: "bindAgain", slot: number }
 *   | { do: "post", slot: number, to: number, length: number, fill: number }
 *   | { do: "collect", slot: number, length: number }
 *   | { do: "collectInVain", slot: number }} DatagramStep
 *
 * @typedef {FileStep | SocketStep | DatagramStep} Step
 *
 * @typedef {object} Script
 * @property {number} seed
 * @property {readonly Step[]} steps
 */

const FILE_SLOTS = 3;
const SOCKET_SLOTS = 2;

/** Two directories, some files in and beside them, a link, and ways to say the same or what is not there. */
const NAMES = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "l", "a/x", "no/x", "d/../b", "./a", "d/", "l/a", "s"];
/** Every one of them that can be there; looked at when all is done. */
export const PLACES = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "l", "s", "d/s"];
const TOO_LONG = "n".repeat(300);
const FLAGS = /** @type {const} */ (["r", "r+", "w", "w+", "wx", "a", "a+", "ax"]);
const HOSTS = ["127.0.0.1", "::1"];
/** Where a socket's name may be made, or not: in a file's place, below a file, nowhere. */
const SOCKET_NAMES = ["s", "s", "s", "d/s", "d/s", "a", "d", "a/x", "no/x"];

/**
 * The script of a seed.
 *
 * @param {number} seed
 * @returns {Script}
 */
export function makeScript(seed) {
  const random = new Random(seed);
  const kind = random.below(3);
  const steps = Array.from({ length: random.between(8, 20) }, () =>
    kind === 0 || (kind === 1 && random.chance(0.5))
      ? random.chance(0.8)
        ? socketStep(random)
        : datagramStep(random)
      : fileStep(random),
  );
  // Without these most of the others would find nothing to work on.
  const first = kind === 0 ? [] : openers(random);
  const pair = kind === 2 ? [] : pairs(random);
  return { seed, steps: [...first, ...pair, ...steps] };
}

/** @param {Random} random @returns {Step[]} */
function openers(random) {
  return [
    { do: "mkdir", name: "d", mode: 0o755 },
    { do: "open", slot: 0, name: random.pick(["a", "d/a"]), flags: random.pick(["w+", "a+", "w"]) },
    { do: "write", slot: 0, length: random.between(1, 3000), position: undefined, fill: random.below(256) },
  ];
}

/** @param {Random} random @returns {Step[]} */
function pairs(random) {
  return [
    random.chance(0.6)
      ? { do: "listen", slot: 0, host: random.pick(HOSTS) }
      : { do: "listenAt", slot: 0, name: random.pick(SOCKET_NAMES) },
    { do: "pair", slot: 0, listener: 0 },
    { do: "bind", slot: 0, host: random.pick(HOSTS) },
  ];
}

/** @param {Random} random @returns {FileStep} */
function fileStep(random) {
  const slot = random.below(FILE_SLOTS);
  const name = () => (random.chance(0.02) ? TOO_LONG : random.pick(NAMES));
  const position = () => (random.chance(0.5) ? undefined : random.below(4000));
  const lengths = () => Array.from({ length: random.between(1, 5) }, () => random.between(1, 900));
  const fill = random.below(256);
  switch (random.below(19)) {
    case 0:
    case 1:
      return { do: "open", slot, name: name(), flags: random.pick(FLAGS) };
    case 2:
      return { do: "close", slot };
    case 3:
    case 4:
      return { do: "read", slot, length: random.between(1, 3000), position: position() };
    case 5:
    case 6:
      return { do: "write", slot, length: random.between(1, 3000), position: position(), fill };
    case 7:
      return { do: "readv", slot, lengths: lengths(), position: position() };
    case 8:
      return { do: "writev", slot, lengths: lengths(), position: position(), fill };
    case 9:
      return { do: "truncate", slot, length: random.below(5000) };
    case 10:
      return random.chance(0.3) ? { do: "sync", slot, dataOnly: random.chance(0.5) } : { do: "fstat", slot };
    case 11:
      return { do: "stat", name: name(), follow: random.chance(0.5) };
    case 12:
      return { do: "unlink", name: name() };
    case 13:
      return { do: "rmdir", name: name() };
    case 14:
      return { do: "mkdir", name: name(), mode: random.pick([0o755, 0o700]) };
    case 15:
      return { do: "rename", name: name(), to: name() };
    case 16:
      return { do: "hardlink", name: name(), to: name() };
    case 17:
      return { do: "chain", members: Array.from({ length: random.between(2, 5) }, () => chainMember(random)) };
    default:
      return { do: "symlink", target: random.pick(["a", "d", "l", "no/x", "e/../a"]), name: name() };
  }
}

/** @param {Random} random @returns {ChainMember} */
function chainMember(random) {
  const step = fileStep(random);
  return step.do === "open" || step.do === "close" || step.do === "chain" ? chainMember(random) : step;
}

/** @param {Random} random @returns {SocketStep} */
function socketStep(random) {
  const slot = random.below(SOCKET_SLOTS);
  const side = random.pick(/** @type {const} */ (["near", "far"]));
  switch (random.below(20)) {
    case 0:
      return { do: "listen", slot, host: random.pick(HOSTS) };
    case 16:
    case 17:
      return { do: "listenAt", slot, name: random.pick(SOCKET_NAMES) };
    case 18:
      return { do: "connectAt", name: random.pick(SOCKET_NAMES) };
    case 19:
      return { do: "closeListener", slot };
    case 1:
      return { do: "listenAgain", slot };
    case 2:
      return { do: "connectNobody", host: random.pick(HOSTS) };
    case 3:
    case 4:
      return { do: "pair", slot, listener: random.below(SOCKET_SLOTS) };
    case 5:
    case 6:
    case 7:
    case 8:
      return { do: "send", slot, side, length: random.between(1, 3000), fill: random.below(256) };
    case 9:
    case 10:
    case 11:
      return { do: "receive", slot, side, length: random.between(1, 4000) };
    case 12:
      return { do: "receiveProvided", slot, side };
    case 13:
      return random.chance(0.3)
        ? { do: "waitInVain", slot, side, how: random.pick(/** @type {const} */ (["timeout", "cancel"])) }
        : { do: "addresses", slot };
    case 14:
      return { do: "shutdown", slot, side };
    default:
      return { do: "hangUp", slot, side };
  }
}

/** @param {Random} random @returns {DatagramStep} */
function datagramStep(random) {
  const slot = random.below(SOCKET_SLOTS);
  switch (random.below(8)) {
    case 0:
      return { do: "bind", slot, host: random.pick(HOSTS) };
    case 1:
      return { do: "bindAgain", slot };
    case 2:
    case 3:
    case 4:
      return {
        ...{ do: "post", slot, to: random.below(SOCKET_SLOTS), fill: random.below(256) },
        // The last are too long for any datagram.
        length: random.chance(0.1) ? random.pick([65_508, 70_000]) : random.below(3000),
      };
    case 5:
    case 6:
      return { do: "collect", slot, length: random.between(1, 3000) };
    default:
      return { do: "collectInVain", slot };
  }
}
