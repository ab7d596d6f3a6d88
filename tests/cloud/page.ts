/** The page on cloud setup and the files beside it, taken apart for the tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { type Block, type Page, parsePage, root } from "../docs/markdown.js";

const PATH = "docs/CLOUD_SETUP.md";

export const page: Page = parsePage(PATH, readFileSync(join(root, PATH), "utf8"));

/** A part of a configuration, of any shape. */
export type Tree = { readonly [key: string]: unknown };

/** Blocks of the page in one language. */
export function blocks(language: string): readonly Block[] {
  return page.blocks.filter(({ info }) => info[0] === language);
}

/** `docs/CLOUD_SETUP.md:12`, for the name of a test. */
export function nameOf({ page: path, line }: Block): string {
  return `${path}:${line}`;
}

/** Text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The documents of a YAML text; what a strict reader objects to is an error. */
export function readYaml(text: string): readonly Tree[] {
  return parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS() as Tree;
  });
}

/** The one document of a file. */
export function yamlFile(path: string): Tree {
  const [one, ...more] = readYaml(read(path));
  if (one === undefined || more.length > 0) throw new Error(`${path} must hold one document`);
  return one;
}

/** A part of a tree, by its keys and places. */
export function at(tree: unknown, ...path: readonly (string | number)[]): unknown {
  let part = tree;
  for (const key of path) part = (part as Readonly<Record<string | number, unknown>> | undefined)?.[key];
  return part;
}
