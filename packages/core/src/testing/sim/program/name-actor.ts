/** Names that come and go: after each operation the simulated files say whether it did what it said. */
import type { Random } from "../random.js";
import type { Context } from "./context.js";

const NAMES = ["a", "b", "c"] as const;

/** Makes, renames and removes names in a directory of its own, and keeps count of what must be there. */
export async function nameActor(context: Context, random: Random, path: string): Promise<void> {
  const { io, simulation } = context;
  const made = await context.insist("mkdir", () => io.mkdir(path));
  if (made === undefined && !simulation.files.exists(path)) return;
  const there = new Map<string, string>();
  for (let step = random.between(4, 16); step > 0 && !context.closing; step--) {
    const name = `${path}/${random.pick(NAMES)}`;
    const other = `${path}/${random.pick(NAMES)}`;
    await changeOnce(context, random, { name, other, there });
    if (context.closing || context.failures.length > 0) return;
    for (const each of NAMES) {
      const full = `${path}/${each}`;
      const kind = simulation.files.kindOf(full);
      context.expect(kind === there.get(full), () => `names: ${full} is ${kind}, and must be ${there.get(full)}`);
    }
  }
}

async function changeOnce(
  context: Context,
  random: Random,
  { name, other, there }: { readonly name: string; readonly other: string; readonly there: Map<string, string> },
): Promise<void> {
  const { io, simulation } = context;
  const early = context.earlyEnd(random, 0.2, false);
  const was = there.get(name);
  const run = async (where: string, promise: Promise<unknown>) => {
    const ended = await context.end(where, promise, early.codes);
    // Whoever aborts is not told whether it was done.
    if (!ended.ok && ended.error.code === "ABORT_ERR") lookAgain(context, there, [name, other]);
    return ended;
  };
  switch (random.below(6)) {
    case 0: {
      if ((await run("mkdir", io.mkdir(name, early.options))).ok) there.set(name, "directory");
      break;
    }
    case 1: {
      if ((await run("symlink", io.symlink("nowhere", name, early.options))).ok) there.set(name, "link");
      break;
    }
    case 2: {
      if (was === undefined) simulation.files.write(name, "content");
      if (was === undefined) there.set(name, "file");
      break;
    }
    case 3: {
      const ended = await run("hardlink", io.hardlink(name, other, early.options));
      if (ended.ok) there.set(other, there.get(name)!);
      break;
    }
    case 4: {
      const ended = await run("rename", io.rename(name, other, early.options));
      // Two names of one file: a rename of one to the other does nothing.
      if (ended.ok) lookAgain(context, there, [name]);
      if (ended.ok && name !== other) there.set(other, was!);
      break;
    }
    default: {
      const ended =
        was === "directory"
          ? await run("rmdir", io.rmdir(name, early.options))
          : await run("unlink", io.unlink(name, early.options));
      if (ended.ok) there.delete(name);
    }
  }
  early.done();
}

function lookAgain({ simulation }: Context, there: Map<string, string>, names: readonly string[]): void {
  for (const name of names) {
    const kind = simulation.files.kindOf(name);
    if (kind === undefined) there.delete(name);
    else there.set(name, kind);
  }
}
