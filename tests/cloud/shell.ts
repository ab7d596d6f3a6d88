/** The shell on the page, as far as it goes: simple commands, and the options of each tool that may stand there. */

type Options = readonly string[];

/** Options by command, for tools whose first words choose a command. */
const withCommands = {
  docker: [
    ["run", ["--rm", "--security-opt", "--ulimit", "--platform"]],
    ["build", ["-f", "-t"]],
    ["compose", ["-f", "--rm"]],
  ],
  podman: [["run", ["--rm", "--security-opt", "--ulimit"]]],
  kubectl: [
    ["create", ["-n", "--dry-run", "-o", "--from-file"]],
    ["apply", ["-f"]],
    ["rollout", ["-n"]],
    ["get", ["-o"]],
  ],
  gcloud: [["run", ["--execution-environment"]]],
  baton: [
    ["doctor", ["--json", "--explain"]],
    ["seccomp", ["--from", "--out", "--check", "--kubernetes", "--arch", "--caps", "--kernel", "--json"]],
    ["demo", []],
  ],
  "systemd-analyze": [
    ["syscall-filter", []],
    ["verify", []],
  ],
} as const satisfies { readonly [tool: string]: readonly (readonly [string, Options])[] };

/** Options of tools that have one command. */
const alone: { readonly [tool: string]: Options } = {
  curl: ["-fsSLo"],
  diff: [],
  jq: ["-f"],
  true: [],
  echo: [],
  tee: [],
  sysctl: ["-w"],
  groupadd: ["--system"],
  setpriv: ["--reuid", "--regid", "--groups"],
  ausearch: ["-m", "-ts"],
  journalctl: ["-k", "-g"],
  ulimit: ["-l", "-n", "-H"],
  prlimit: ["--memlock", "--pid"],
  getent: [],
  cut: ["-d:", "-f3"],
  wsl: ["--update"],
};

/** What is known of the tools on the page. */
export const knownTools = withCommands;

export interface SimpleCommand {
  readonly words: readonly string[];
  /** The tool, or `undefined` when the page has none like it. */
  readonly tool: string | undefined;
  /** Options that it has not. */
  readonly unknown: readonly string[];
}

/** The simple commands of a block, those in substitutions among them. */
export function simpleCommands(text: string): readonly SimpleCommand[] {
  const substituted = [...text.matchAll(/\$\(([^)]*)\)/g)].map(([, inner]) => inner!);
  const outer = text.replaceAll(/\$\(([^)]*)\)/g, "SUBSTITUTED");
  return [outer, ...substituted]
    .flatMap((part) => part.split("\n"))
    .flatMap((line) => splitAtOperators(line))
    .filter((words) => words.length > 0)
    .flatMap(understand);
}

/** Words of the commands of one line. */
function splitAtOperators(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const [token] of line.matchAll(/#.*|\|\||&&|[|;]|>\s*\S+|(?:"[^"]*"|'[^']*'|[^\s|;&>#"'])+/g)) {
    if (token.startsWith("#")) break;
    if (/^(\|\||&&|[|;])$/.test(token)) commands.push([]);
    else if (!token.startsWith(">")) commands.at(-1)!.push(token.replaceAll(/^["']|["']$/g, ""));
  }
  return commands;
}

/** A command and, where it starts another one, that one too. */
function understand(words: readonly string[]): SimpleCommand[] {
  const assignments = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const [tool = "", ...rest] = words.slice(assignments);
  if (tool === "sudo" || tool === "npx") return understand(rest);
  const nested = tool === "setpriv" ? rest.indexOf("npx") : -1;
  const own = nested < 0 ? rest : rest.slice(0, nested);
  const options = optionsOf(tool, own[0]);
  const given = own
    .filter((word) => /^-./.test(word))
    .map((word) => (word.startsWith("--") ? word.split("=")[0]! : word));
  const unknown = given.filter((word) => options?.includes(word) !== true);
  const command = { words: [tool, ...own], tool: options === undefined ? undefined : tool, unknown };
  return nested < 0 ? [command] : [command, ...understand(rest.slice(nested))];
}

function optionsOf(tool: string, command: string | undefined): Options | undefined {
  if (Object.hasOwn(withCommands, tool)) {
    const commands: readonly (readonly [string, Options])[] = withCommands[tool as keyof typeof withCommands];
    return commands.find(([name]) => name === command)?.[1];
  }
  return alone[tool];
}
