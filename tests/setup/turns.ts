/**
 * Taking turns. What repeats, under other conditions, what is tested as a whole elsewhere would take longer than all the
 * rest: `npm test` runs one part of it, which the number of the commit decides, and so many numbers in a row all of it.
 * `BATON_TURN=2/4` is the second of four parts; where it is not set, everything runs.
 */
export interface Turn {
  /** From 1. */
  readonly part: number;
  readonly parts: number;
}

export function readTurn(text = "1/1"): Turn {
  const [, part = 0, parts = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (!(part >= 1 && part <= parts)) throw new RangeError(`BATON_TURN=${text} is none: the second of four is 2/4`);
  return { part, parts };
}

const now = readTurn(process.env["BATON_TURN"]);

/** Whether the one with this index, among those that take turns with each other, runs now. */
export function isTurn(index: number, { part, parts }: Turn = now): boolean {
  return index % parts === part - 1;
}

/** Numbers, one after the other, those that take turns: each call is whether the next of them runs now. */
export function turnTaker(): () => boolean {
  let index = 0;
  return () => isTurn(index++);
}

/** Why one does not. */
export const OTHER_TURN: string = `has its turn with another commit: BATON_TURN is ${now.part}/${now.parts} now`;
