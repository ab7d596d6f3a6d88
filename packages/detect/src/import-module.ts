/** Importing the drivers' packages, in a process that may have no descriptor left or not the permission to read. */
import { closeSync, openSync } from "node:fs";

/** An import takes more than one descriptor: runtimes read several files at once. */
const DESCRIPTORS_NEEDED = 4;

/** What this thread has imported: it takes no descriptor to have it again. */
const imported = new Map<string, unknown>();

/** Imports a package. Rejects with an error whose `code` is `EMFILE` when there are no descriptors to read it with. */
export async function importModule(specifier: string): Promise<unknown> {
  if (imported.has(specifier)) return imported.get(specifier);
  // Tried beforehand: Node 20 and Bun take a package that they have no descriptor to read for missing, and for ever.
  checkDescriptors();
  const module = await load(specifier);
  imported.set(specifier, module);
  return module;
}

/**
 * The one driver that is always there is imported by a name that can be read in the source: what is known beforehand
 * Deno lets a program import without `--allow-read`, and bundlers take along.
 */
function load(specifier: string): Promise<unknown> {
  return specifier === "@baton-io/driver-libuv"
    ? import("@baton-io/driver-libuv")
    : import(/* @vite-ignore */ specifier);
}

/** Throws the system's error when there are none left. Opened and not counted: the limit may be of the whole system. */
function checkDescriptors(): void {
  const opened: number[] = [];
  try {
    while (opened.length < DESCRIPTORS_NEEDED) opened.push(openSync("/", "r"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // Whatever else it is, a permission that is missing or Windows, the import may go well all the same.
    if (code === "EMFILE" || code === "ENFILE") throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
