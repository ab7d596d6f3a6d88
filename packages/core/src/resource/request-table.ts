/** Operations that `submit` begins by looking them up: what is about one operation stands in one place. */
import type { Entry } from "../operation/entry.js";

/** By the `opcode` of a request: begins what it asks for, on what it is about. */
export type RequestTable<On, R extends { readonly opcode: string }> = {
  readonly [Opcode in R["opcode"]]: (on: On, request: RequestOf<R, Opcode>) => Entry;
};

type RequestOf<R, Opcode> = R extends { readonly opcode: infer Known } ? (Opcode extends Known ? R : never) : never;

/** Some of the tables' rows behind one another, to be looked up by whatever a program has given for an opcode. */
export function byOpcode<On, R extends { readonly opcode: string }>(
  ...tables: readonly Readonly<Record<string, (on: On, request: never) => Entry>>[]
): ReadonlyMap<unknown, (on: On, request: R) => Entry> {
  return new Map(tables.flatMap((table) => Object.entries(table) as [unknown, (on: On, request: R) => Entry][]));
}
