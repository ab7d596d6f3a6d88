// @ts-check
/**
 * Applies one mutant while sources are loaded: `BATON_MUTANT=name npx vitest run …`. No file on disk is changed.
 */
import { fileURLToPath } from "node:url";
import { mutants } from "./list.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The text of a source with the mutant in it. Throws when the place is not there, or is there more than once.
 *
 * @param {import("./list.mjs").Mutant} mutant
 * @param {string} source
 */
export function applyMutant(mutant, source) {
  const parts = source.split(mutant.find);
  if (parts.length !== 2) {
    throw new Error(`mutant ${mutant.name}: ${parts.length - 1} places in ${mutant.file} match, instead of one`);
  }
  return parts.join(mutant.replace);
}

/**
 * The plugin for vitest, or nothing when no mutant is asked for.
 *
 * @param {string | undefined} name
 * @returns {import("vite").Plugin[]}
 */
export function mutantPlugin(name = process.env["BATON_MUTANT"]) {
  if (name === undefined || name === "") return [];
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`BATON_MUTANT: there is no mutant called "${name}"`);
  return [
    {
      name: "baton-mutant",
      enforce: "pre",
      transform: (source, id) => (id === root + mutant.file ? applyMutant(mutant, source) : undefined),
    },
  ];
}
