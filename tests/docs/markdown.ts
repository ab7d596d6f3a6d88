/** The project's Markdown pages, as far as tests look at them: headings, links and fenced blocks. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block. */
export interface Block {
  /** The page it is on, from the root. */
  readonly page: string;
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** The words behind the fence: language first. */
  readonly info: readonly string[];
  readonly text: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

/** A page, taken apart. */
export interface Page {
  /** Path from the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  readonly blocks: readonly Block[];
}

const SKIPPED = new Set(["node_modules", "dist", "build", "coverage"]);

function markdownFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** All pages of the repository. */
export function readPages(): readonly Page[] {
  return markdownFiles(root).map((path) =>
    parsePage(relative(root, path).split(sep).join("/"), readFileSync(path, "utf8")),
  );
}

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
const HEADING = /^#{1,6} +(.*?) *#*$/;
const LINK = /!?\[(?:[^\][]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?: +"[^"]*")?\)/g;
const REFERENCE = /^ {0,3}\[[^\]]+\]: +<?(\S+?)>?(?: |$)/;

/** Takes one page apart. */
export function parsePage(path: string, text: string): Page {
  const anchors = new Set<string>();
  const links: Link[] = [];
  const blocks: Block[] = [];
  let open:
    | { readonly fence: string; readonly line: number; readonly info: string; readonly lines: string[] }
    | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (open !== undefined) {
      if (fence?.[1]?.startsWith(open.fence) === true && fence[2]!.trim() === "") {
        const info = open.info.split(/\s+/).filter((word) => word !== "");
        blocks.push({ page: path, line: open.line, info, text: `${open.lines.join("\n")}\n` });
        open = undefined;
      } else open.lines.push(line);
      continue;
    }
    if (fence !== null) {
      open = { fence: fence[1]!, line: index + 1, info: fence[2]!, lines: [] };
      continue;
    }
    const heading = HEADING.exec(line);
    if (heading !== null) addAnchor(anchors, slugOf(heading[1]!));
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!);
    const prose = line.replaceAll(/(`+)(?:(?!\1).)*\1/g, (code) => "x".repeat(code.length));
    for (const [, target] of prose.matchAll(LINK)) links.push({ line: index + 1, target: target! });
    const reference = REFERENCE.exec(prose);
    if (reference !== null) links.push({ line: index + 1, target: reference[1]! });
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the fenced block is never closed`);
  return { path, text, anchors, links, blocks };
}

/** The anchor that a heading gets: lower case, without punctuation, with hyphens for spaces. */
export function slugOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number}\p{Mark}_\- ]/gu, "")
    .replaceAll(" ", "-");
}

/** The second heading of the same name gets `-1`, and so on. */
function addAnchor(anchors: Set<string>, slug: string): void {
  let anchor = slug;
  for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
  anchors.add(anchor);
}
