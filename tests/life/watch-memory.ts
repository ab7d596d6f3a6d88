/** Builds the library that watches memory which an addon has given back. */
import { join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";

/** The library, or why there is none. */
export async function buildWatcher(
  source: string,
  directory: string,
): Promise<{ readonly library: string } | { readonly why: string }> {
  if (process.platform !== "linux") return { why: "memory is watched on Linux only" };
  const library = join(directory, "watch_memory.so");
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
  const { code, output } = await runQuietly("gcc", [...flags, source, "-o", library, "-ldl", "-pthread"]);
  if (code === 127) return { why: "there is no gcc" };
  if (code !== 0) throw new Error(`the memory watcher does not compile\n${output}`);
  return { library };
}
