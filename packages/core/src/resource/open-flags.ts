/** The flag texts that `fs.open` takes, as bits. Source: Node's "File system flags". */
import { batonError } from "../errors.js";
import { OPEN_FLAG } from "../record.js";
import { describe } from "../validate.js";

const { read, write, create, exclusive, truncate, append, sync } = OPEN_FLAG;

/** How a file is opened: the texts of `fs.open`. */
export type OpenFlags =
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

const flagTexts: Readonly<Record<OpenFlags, number>> = {
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

export function parseOpenFlags(where: string, flags: unknown): number {
  if (typeof flags !== "string") {
    throw batonError("ERR_INVALID_ARG_TYPE", `${where}: flags must be a string, not ${describe(flags)}.`);
  }
  if (!Object.hasOwn(flagTexts, flags)) {
    const texts = Object.keys(flagTexts).join(", ");
    throw batonError("ERR_INVALID_ARG_VALUE", `${where}: flags "${flags}" are unknown; there are: ${texts}.`);
  }
  return flagTexts[flags as OpenFlags];
}
