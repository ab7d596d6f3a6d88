// @ts-check
/**
 * What a case is meant to reach, and whether it did. A goal that is missed is told and fails nothing: figures depend on
 * the machine, and a busy one reaches little.
 *
 * @typedef {object} Goal
 * @property {string} implementation
 * @property {string} variant
 * @property {"rate" | "ratio" | "heapBytes"} figure
 * @property {string} [against] The baseline of a ratio.
 * @property {number} [least] The figure is to be at least this.
 * @property {number} [most] The figure is to be at most this.
 */

/**
 * @param {readonly Goal[]} goals
 * @param {string} variant
 * @param {readonly import("./report.mjs").Row[]} rows Of that variant.
 * @returns {{ text: string, reached: boolean }[]} One for each goal whose implementation took part.
 */
export function judgeGoals(goals, variant, rows) {
  return goals.flatMap((goal) => {
    if (goal.variant !== variant) return [];
    const value = figureOf(goal, rows);
    if (value === undefined) return [];
    const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = goal;
    const reached = value >= least && value <= most;
    const wanted = goal.least === undefined ? `at most ${rounded(most)}` : `at least ${rounded(least)}`;
    const text = `${goal.implementation}: ${wanted} ${unitOf(goal)}, ${reached ? "reached" : "missed"} with ${rounded(value)}`;
    return [{ text, reached }];
  });
}

/** @param {Goal} goal @param {readonly import("./report.mjs").Row[]} rows @returns {number | undefined} */
function figureOf({ implementation, figure, against }, rows) {
  const row = rows.find((candidate) => candidate.implementation === implementation);
  if (figure === "rate") return row?.perSecond.median;
  if (figure === "heapBytes") return row?.heapBytes?.median;
  return against === undefined ? undefined : row?.ratios[against]?.median;
}

/** @param {Goal} goal */
function unitOf({ figure, against }) {
  if (figure === "rate") return "a second";
  return figure === "heapBytes" ? "bytes" : `× ${against}`;
}

/** @param {number} value */
function rounded(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: value >= 100 ? 0 : 2 });
}
