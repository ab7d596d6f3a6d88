/**
 * What the surroundings look like. Markers are guesses: `/.dockerenv` is there on virtual machines made of a container
 * image and absent in a container that Kubernetes made. They choose the recipe that is shown first, nothing else.
 */
import type { Hint, Platform } from "./evidence.js";
import { rootFileSystem } from "./proc-files.js";
import type { EvidenceSources } from "./sources.js";

/** Effective capabilities of a container with the defaults of Docker and of runc. */
const DEFAULT_CONTAINER_CAPABILITIES = "00000000a80425fb";

type Look = (sources: EvidenceSources, release: string, capabilities: string | null) => string | undefined;

const environmentVariable =
  (name: string): Look =>
  ({ env }) =>
    env[name] === undefined ? undefined : name;

const environmentValue =
  (name: string, expected: RegExp): Look =>
  ({ env }) => {
    const value = env[name];
    return value !== undefined && expected.test(value) ? `${name}=${value}` : undefined;
  };

const file =
  (path: string): Look =>
  (sources) =>
    sources.exists(path) ? path : undefined;

const kernelRelease =
  (pattern: RegExp): Look =>
  (_sources, release) =>
    pattern.test(release) ? `kernel ${release}` : undefined;

const overlayRoot: Look = (sources) =>
  rootFileSystem(sources.readText("/proc/self/mountinfo")) === "overlay" ? "/ is an overlay" : undefined;

const containerCapabilities: Look = (_sources, _release, capabilities) =>
  capabilities === DEFAULT_CONTAINER_CAPABILITIES ? `CapEff ${capabilities}` : undefined;

/** Most telling first: the first hint chooses the recipe. The first marker found of a row is the one that is named. */
const rows: readonly (readonly [Platform, string, readonly Look[]])[] = [
  ["fargate", "Amazon ECS on Fargate", [environmentValue("AWS_EXECUTION_ENV", /^AWS_ECS_FARGATE$/)]],
  ["ecs", "Amazon ECS", [environmentVariable("ECS_CONTAINER_METADATA_URI_V4")]],
  ["lambda", "AWS Lambda", [environmentVariable("AWS_LAMBDA_FUNCTION_NAME")]],
  ["cloud-run", "Google Cloud Run", [environmentVariable("K_SERVICE"), environmentVariable("CLOUD_RUN_JOB")]],
  [
    "paas",
    "a hosting platform",
    [
      environmentVariable("DYNO"),
      environmentVariable("VERCEL"),
      environmentVariable("RAILWAY_ENVIRONMENT_NAME"),
      environmentVariable("RENDER"),
    ],
  ],
  [
    "kubernetes",
    "Kubernetes",
    [environmentVariable("KUBERNETES_SERVICE_HOST"), file("/var/run/secrets/kubernetes.io")],
  ],
  ["podman", "Podman", [file("/run/.containerenv"), environmentValue("container", /^podman$/)]],
  ["docker-desktop", "Docker Desktop", [kernelRelease(/linuxkit/i)]],
  ["orbstack", "OrbStack", [kernelRelease(/orbstack/i)]],
  ["docker", "Docker", [file("/.dockerenv"), environmentValue("container", /^docker$/)]],
  ["github-actions", "GitHub Actions", [environmentVariable("GITHUB_ACTIONS")]],
  [
    "container",
    "a container",
    [containerCapabilities, overlayRoot, environmentValue("container", /^(?!podman$|docker$)/)],
  ],
  ["wsl2", "WSL 2", [kernelRelease(/microsoft-standard|wsl2/i)]],
  // WSL 1 writes its name with a capital letter and without "standard".
  ["wsl1", "WSL 1", [kernelRelease(/-Microsoft$/)]],
  ["systemd", "a systemd unit", [environmentVariable("INVOCATION_ID")]],
  ["rhel", "Red Hat Enterprise Linux or a rebuild of it", [kernelRelease(/\.el\d+/)]],
];

/** Everything the surroundings look like, most telling first. */
export function readHints(sources: EvidenceSources, release: string, capabilities: string | null): readonly Hint[] {
  const hints: Hint[] = [];
  for (const [platform, name, looks] of rows) {
    for (const look of looks) {
      const marker = look(sources, release, capabilities);
      if (marker === undefined) continue;
      hints.push({ platform, name, marker });
      break;
    }
  }
  return hints;
}
