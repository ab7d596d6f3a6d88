/** A Dockerfile, as far as the one of this repository goes: an instruction that is not known is an error. */

export interface Stage {
  readonly name: string | undefined;
  readonly image: string;
  readonly user: string;
  readonly copies: readonly { readonly from: string | undefined; readonly sources: readonly string[] }[];
  readonly runs: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

interface Building {
  name: string | undefined;
  image: string;
  user: string;
  copies: { from: string | undefined; sources: string[] }[];
  runs: string[];
  entrypoint: string[];
  command: string[];
}

/** Takes a Dockerfile apart into its stages. */
export function dockerfile(text: string): { readonly stages: readonly Stage[] } {
  const stages: Building[] = [];
  const lines = text.replaceAll(/\\\n/g, " ").split("\n");
  for (const line of lines.map((one) => one.trim()).filter((one) => one !== "" && !one.startsWith("#"))) {
    const [word = "", ...rest] = line.split(/\s+/);
    if (word === "FROM") {
      const [image = "", as, name] = rest;
      if (as !== undefined && as !== "AS") throw new Error(`Dockerfile: ${line}`);
      stages.push({ name, image, user: "root", copies: [], runs: [], entrypoint: [], command: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`Dockerfile: ${word} before FROM`);
    apply(stage, word, rest);
  }
  return { stages };
}

function apply(stage: Building, word: string, rest: readonly string[]): void {
  switch (word) {
    case "WORKDIR":
    case "ENV":
      return;
    case "RUN":
      stage.runs.push(rest.join(" "));
      return;
    case "USER":
      stage.user = rest[0] ?? "";
      return;
    case "COPY": {
      const flags = rest.filter((part) => part.startsWith("--"));
      const unknown = flags.filter((flag) => !flag.startsWith("--from="));
      if (unknown.length > 0) throw new Error(`Dockerfile: COPY ${unknown.join(" ")}`);
      const sources = rest.filter((part) => !part.startsWith("--")).slice(0, -1);
      stage.copies.push({ from: flags[0]?.slice("--from=".length), sources });
      return;
    }
    case "ENTRYPOINT":
      stage.entrypoint = JSON.parse(rest.join(" ")) as string[];
      return;
    case "CMD":
      stage.command = JSON.parse(rest.join(" ")) as string[];
      return;
    default:
      throw new Error(`Dockerfile: ${word} is not known`);
  }
}
