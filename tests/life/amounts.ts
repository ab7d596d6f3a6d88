/**
 * How much of everything: enough for every day, and with `BATON_LONG=1` (`npm run life`) the amounts that the
 * promises are made for.
 */
export const isLong: boolean = process.env["BATON_LONG"] === "1";

export function rounds(amounts: { readonly short: number; readonly long: number }): number {
  return isLong ? amounts.long : amounts.short;
}
