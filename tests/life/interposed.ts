/** Builds libraries that stand in front of the system's: one watches memory, one lets calls fail. */
import { basename, join } from "node:path";
import { runQuietly } from "../../scripts/child.mjs";

/** The library, or why there is none. */
export async function buildLibrary(
  source: string,
  directory: string,
): Promise<{ readonly library: string } | { readonly why: string }> {
  if (process.platform !== "linux") return { why: "calls are interposed on Linux only" };
  const library = join(directory, `${basename(source, ".c")}.so`);
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
  const { code, output } = await runQuietly("gcc", [...flags, source, "-o", library, "-ldl", "-pthread"]);
  if (code === 127) return { why: "there is no gcc" };
  if (code !== 0) throw new Error(`${basename(source)} does not compile\n${output}`);
  return { library };
}
