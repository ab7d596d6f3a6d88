/** Where the command writes: colours and widths as the stream can take them. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Paints text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Columns of a table when the output goes to a file or a pipe. */
const PIPE_COLUMNS = 110;
const COLUMNS_MIN = 72;

/** Colours only on a terminal that has them; `NO_COLOR`, `FORCE_COLOR` and `TERM=dumb` are honoured by `hasColors`. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const colours = stream.isTTY === true && stream.hasColors();
  return colours ? (style, text) => styleText(style, text) : (_style, text) => text;
}

/** How wide a table may be. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY === true ? Math.max(COLUMNS_MIN, stream.columns) : PIPE_COLUMNS;
}
