/** How a file is opened: the flag texts that `fs.open` takes, and its numbers, as bits. Source: Node's "File system flags". */
import { batonError } from "../base/errors.js";
import { describe } from "../base/validate.js";
import { OPEN_FLAG } from "./record.js";

const { read, write, create, exclusive, truncate, append, sync } = OPEN_FLAG;

/** The texts of `fs.open`. */
export type OpenFlagText =
  | "r"
  | "rs"
  | "r+"
  | "rs+"
  | "w"
  | "wx"
  | "w+"
  | "wx+"
  | "a"
  | "ax"
  | "as"
  | "a+"
  | "ax+"
  | "as+";

/** How a file is opened: a text of `fs.open`, or the sum of some `O_…` of `fs.constants`. */
export type OpenFlags = OpenFlagText | number;

/** The system's values of open flags, by the names that `fs.constants` has for them. */
export type OpenConstants = Readonly<Record<string, number>>;

const flagTexts: Readonly<Record<OpenFlagText, number>> = {
  r: read,
  rs: read | sync,
  "r+": read | write,
  "rs+": read | write | sync,
  w: write | create | truncate,
  wx: write | create | truncate | exclusive,
  "w+": read | write | create | truncate,
  "wx+": read | write | create | truncate | exclusive,
  a: write | create | append,
  ax: write | create | append | exclusive,
  as: write | create | append | sync,
  "a+": read | write | create | append,
  "ax+": read | write | create | append | exclusive,
  "as+": read | write | create | append | sync,
};

/** Bits by the system's name for them; what is a part of another stands behind it. `O_NOCTTY` is set in any case. */
const bitsByName = {
  O_SYNC: OPEN_FLAG.sync,
  O_DSYNC: OPEN_FLAG.dataSync,
  O_TMPFILE: OPEN_FLAG.temporary,
  O_DIRECTORY: OPEN_FLAG.directory,
  O_CREAT: create,
  O_EXCL: exclusive,
  O_TRUNC: truncate,
  O_APPEND: append,
  O_DIRECT: OPEN_FLAG.direct,
  O_NONBLOCK: OPEN_FLAG.nonBlock,
  O_NOFOLLOW: OPEN_FLAG.noFollow,
  O_PATH: OPEN_FLAG.pathOnly,
  O_NOATIME: OPEN_FLAG.noAccessTime,
  O_NOCTTY: 0,
} as const;

/** The flags that `fs.constants` leaves out on Linux, beside its own. Source: include/uapi/asm-generic/fcntl.h. */
export function linuxOpenConstants(constants: OpenConstants): OpenConstants {
  return { ...constants, O_PATH: 0o10000000, O_TMPFILE: 0o20000000 | (constants["O_DIRECTORY"] ?? 0) };
}

/** `constants`: the system's values, where the driver's session tells them. */
export function parseOpenFlags(where: string, flags: unknown, constants: OpenConstants | undefined): number {
  if (typeof flags === "number") return parseNumber(where, flags, constants);
  if (typeof flags !== "string") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: flags must be a string or a number, not ${describe(flags)}.`);
  }
  if (!Object.hasOwn(flagTexts, flags)) {
    const texts = Object.keys(flagTexts).join(", ");
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: flags "${flags}" are unknown; there are: ${texts}.`);
  }
  return flagTexts[flags as OpenFlagText];
}

function parseNumber(where: string, flags: number, constants: OpenConstants | undefined): number {
  if (constants === undefined) {
    throw batonError("ERR_UNSUPPORTED", `${where}: this driver does not tell what the numbers of flags mean.`);
  }
  const { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2 } = constants;
  const mode = flags & (O_WRONLY | O_RDWR);
  let rest = flags & ~(O_WRONLY | O_RDWR);
  let bits = mode === O_RDONLY ? read : mode === O_WRONLY ? write : mode === O_RDWR ? read | write : 0;
  for (const [name, bit] of Object.entries(bitsByName)) {
    const value = constants[name];
    if (value === undefined || value === 0 || (rest & value) !== value) continue;
    bits |= bit;
    rest &= ~value;
  }
  // Beyond 31 bits nothing is left of a number here.
  const isNumber = Number.isInteger(flags) && flags >= 0 && flags < 2 ** 31;
  if (!isNumber || rest !== 0 || (bits & (read | write)) === 0) {
    const names = ["O_RDONLY", "O_WRONLY", "O_RDWR", ...Object.keys(bitsByName)].join(", ");
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: flags ${flags} are no sum of flags; there are: ${names}.`);
  }
  return bits;
}
