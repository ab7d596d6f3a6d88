/**
 * Runs a block of the page to the letter, in a directory of its own: `npx baton` is the built command, `curl` brings
 * the profile it is asked for, and the tools that would need a cluster or a daemon write down what they are asked to
 * do.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtCli } from "../../packages/detect/test/run-cli.js";
import { root } from "../docs/markdown.js";

/** The pinned profile that the page and `baton doctor` name. */
export const PROFILE_URL = "https://raw.githubusercontent.com/moby/profiles/seccomp/v0.2.3/seccomp/default.json";
const PODMAN_PROFILE = "/usr/share/containers/seccomp.json";
const RECORDED = ["docker", "podman", "kubectl"];
const LIMIT_MS = 18_000;

export interface Sandbox {
  readonly directory: string;
  readonly code: number | null;
  readonly output: string;
  /** What the recorded tools were asked: tool first. */
  readonly asked: readonly (readonly string[])[];
  [Symbol.dispose](): void;
}

/** Runs a block of shell. `profiles` are the texts of what Docker and Podman have as default. */
export function runBlock(text: string, profiles: { readonly docker: string; readonly podman: string }): Sandbox {
  const directory = mkdtempSync(join(tmpdir(), "baton-test-"));
  const tools = join(directory, ".tools");
  mkdirSync(tools);
  mkdirSync(join(directory, "docs"));
  cpSync(join(root, "docs/cloud"), join(directory, "docs/cloud"), { recursive: true });
  writeFileSync(join(tools, "docker.json"), profiles.docker);
  writeFileSync(join(tools, "podman.json"), profiles.podman);
  const tool = (name: string, script: string) => {
    writeFileSync(join(tools, name), `#!/bin/bash\nset -eu\n${script}\n`);
    chmodSync(join(tools, name), 0o755);
  };
  // One record a call: arguments apart by unit separators, ended by a record separator.
  for (const name of RECORDED) {
    tool(
      name,
      `printf '%s\\x1f' ${name} "$@" >> "${tools}/asked"; printf '\\x1e' >> "${tools}/asked"; [ -t 0 ] || cat > /dev/null`,
    );
  }
  tool("curl", `[ "$1" = -fsSLo ] && [ "$3" = ${PROFILE_URL} ] && [ $# = 3 ] && cp "${tools}/docker.json" "$2"`);
  tool(
    "npx",
    `[ "$1" = baton ]; shift; words=()
for word in "$@"; do [ "$word" = ${PODMAN_PROFILE} ] && word="${tools}/podman.json"; words+=("$word"); done
exec "${process.execPath}" "${builtCli()}" "\${words[@]}"`,
  );
  const { BATON_DRIVER: _driver, BATON_LOG: _log, ...env } = process.env;
  const result = spawnSync("bash", ["-euo", "pipefail", "-c", text], {
    cwd: directory,
    encoding: "utf8",
    env: { ...env, PATH: `${tools}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const asked = existsSync(join(tools, "asked")) ? readFileSync(join(tools, "asked"), "utf8") : "";
  return {
    directory,
    code: result.status,
    output: `${result.stdout}${result.stderr}`,
    asked: asked
      .split("\x1e")
      .filter((record) => record !== "")
      .map((record) => record.split("\x1f").slice(0, -1)),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
