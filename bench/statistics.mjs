// @ts-check
/** The few figures that a handful of rounds can carry. */

/** @param {readonly number[]} values At least one. @returns {number} */
export function median(values) {
  if (values.length === 0) throw new Error("no median of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [lower = 0, upper = 0] = sorted.slice(middle - 1, middle + 1);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : (lower + upper) / 2;
}

/**
 * Middle and spread. `mad` is the median distance from the median: unlike the standard deviation it is not carried
 * away by one disturbed round.
 *
 * @param {readonly number[]} values At least one.
 */
export function summarise(values) {
  const middle = median(values);
  return {
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    mad: median(values.map((value) => Math.abs(value - middle))),
  };
}

/**
 * The ratio of two implementations, taken round by round: neighbours in time had the same machine.
 *
 * @param {readonly number[]} values
 * @param {readonly number[]} baseline As many.
 */
export function pairedRatio(values, baseline) {
  if (values.length !== baseline.length) throw new Error(`${values.length} rounds against ${baseline.length}`);
  return summarise(values.map((value, round) => value / /** @type {number} */ (baseline[round])));
}
