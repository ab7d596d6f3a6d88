/**
 * Kernels that have io_uring and do harm with it, as they were released; each row with where that is told. On some the
 * driver stays out, on others it leaves one feature unused. A distribution may have mended its kernel under the same
 * number: whoever knows that asks for the driver by name (`BATON_DRIVER=uring`).
 */
import { type UringFeature, uringFeatures } from "./options.js";

/** A kernel on which something is left unused. */
export interface DeniedKernel {
  /** The first release that has it, and the first that does not any more. */
  readonly from: readonly [major: number, minor: number, patch: number];
  readonly until: readonly [major: number, minor: number, patch: number];
  /** What is left unused; `"driver"`: all of it. */
  readonly feature: UringFeature | "driver";
  readonly reason: string;
  readonly link: string;
}

export const deniedKernels: readonly DeniedKernel[] = [
  {
    from: [6, 1, 113],
    until: [6, 1, 116],
    feature: "driver",
    reason: "processes that use io_uring hang and cannot be killed",
    link: "https://github.com/bottlerocket-os/bottlerocket/issues/4308",
  },
  {
    from: [6, 6, 57],
    until: [6, 6, 60],
    feature: "driver",
    reason: "processes that use io_uring hang and cannot be killed",
    link: "https://github.com/NixOS/nixpkgs/issues/355567",
  },
  {
    from: [6, 1, 7],
    until: [6, 1, 8],
    feature: "buffer-ring",
    reason: "multishot receives use up the buffers of their ring for nothing",
    link: "https://github.com/axboe/liburing/issues/778",
  },
  {
    from: [6, 3, 0],
    until: [6, 3, 2],
    feature: "registered-buffers",
    reason: "registered buffers reach memory beyond their end (CVE-2023-2598)",
    link: "https://nvd.nist.gov/vuln/detail/CVE-2023-2598",
  },
  {
    from: [6, 4, 0],
    until: [6, 6, 5],
    feature: "buffer-ring",
    reason: "memory of buffer rings is used after it was freed (CVE-2024-0582)",
    link: "https://www.openwall.com/lists/oss-security/2024/04/24/3",
  },
];

/** What is known of a kernel release, as `uname -r` says it. */
export function denialsFor(release: string): readonly DeniedKernel[] {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return [];
  const version = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] as const;
  return deniedKernels.filter(({ from, until }) => compare(version, from) >= 0 && compare(version, until) < 0);
}

/** Why the driver stays out of a kernel altogether; `undefined` where it does not. */
export function deniedKernel(release: string): { readonly reason: string; readonly link: string } | undefined {
  return denialsFor(release).find(({ feature }) => feature === "driver");
}

/** Features that stay unused on a kernel. */
export function deniedFeatures(release: string): readonly UringFeature[] {
  const denied = new Set(denialsFor(release).map(({ feature }) => feature));
  return uringFeatures.filter((feature) => denied.has(feature));
}

type Version = readonly [number, number, number];

function compare(left: Version, right: Version): number {
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}
