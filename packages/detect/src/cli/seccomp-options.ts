/** The options of `baton seccomp`. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseKernelVersion } from "../seccomp/parse.js";
import type { KernelVersion } from "../seccomp/profile.js";
import { architectureNames, parseCapabilities } from "../seccomp/target.js";
import { type SeccompOptions, seccomp } from "./seccomp.js";

/** Options as commander leaves them: what was not given is not there. */
type Given = Partial<SeccompOptions> & Pick<SeccompOptions, "kubernetes" | "json">;

const EXAMPLES = `
Examples:
  baton seccomp --from default.json --out seccomp-io_uring.json
  baton seccomp --from default.json --kubernetes --arch amd64 --caps none --kernel 6.1 --out io_uring.json
  baton seccomp --check seccomp-io_uring.json

Exit code of --check: 0 all three calls are allowed, 3 all are blocked, 4 the profile does harm (a ring can be made and
not used, or the process is killed) or does not decide. Everything else: 0, or 1 when there is no profile.
Where default profiles are, and whether you should do this at all: docs/CLOUD_SETUP.md#security, #profile`;

/** Adds the command. `run` turns what its action returns or throws into an exit code. */
export function registerSeccomp(
  program: Command,
  run: (name: string, action: () => Promise<number>) => Promise<void>,
): void {
  program
    .command("seccomp")
    .description("make the smallest seccomp profile that lets io_uring through, or tell what a profile does to it")
    .option("--from <profile>", "a default profile, of Docker or Podman; - is stdin")
    .option("--out <file>", "where the profile goes (default: stdout)")
    .option("--check <profile>", "judge this profile instead of making one; - is stdin")
    .option("--kubernetes", "the plain form, for containerd's Localhost profiles", false)
    .addOption(
      new Option("--arch <name>", "architecture of the container (default: this one's)").choices(architectureNames),
    )
    .option(
      "--caps <names>",
      "capabilities of the container: none, docker, or CAP_A,CAP_B (default: docker; none with --kubernetes)",
      capabilities,
    )
    .option(
      "--kernel <version>",
      "version of Linux it runs on (default: this one's; where this is no Linux, 6.1)",
      kernelVersion,
    )
    .option("--json", "with --check: the verdict as JSON", false)
    .addHelpText("after", EXAMPLES)
    .action((given: Given) => run("seccomp", async () => seccomp({ ...NOT_GIVEN, ...given })));
}

const NOT_GIVEN = {
  from: undefined,
  check: undefined,
  out: undefined,
  arch: undefined,
  caps: undefined,
  kernel: undefined,
} as const;

function capabilities(text: string): readonly string[] {
  const names = parseCapabilities(text);
  if (names === undefined) throw new InvalidArgumentError("It must be none, docker, or names like CAP_CHOWN,CAP_KILL.");
  return names;
}

function kernelVersion(text: string): KernelVersion {
  const version = parseKernelVersion(text);
  if (version === undefined) throw new InvalidArgumentError("It must be a version like 6.1, or what uname -r prints.");
  return version;
}
