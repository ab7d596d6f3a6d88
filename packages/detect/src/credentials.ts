/**
 * Whether this process is still who it was when it opened a driver. A ring keeps the credentials it was made with: with
 * a polling kernel thread even for what is submitted later (CVE-2024-22017 was of this kind). So a program that gives
 * up privileges does it first and opens its backend then.
 */

/** Who a process is, as far as it can change by itself. */
export interface Credentials {
  readonly uid: number;
  readonly effectiveUid: number;
  readonly gid: number;
  readonly effectiveGid: number;
  readonly groups: readonly number[];
}

/** Who this process is now; `undefined` where there are no users, as on Windows, and where Deno does not tell. */
export function readCredentials(): Credentials | undefined {
  try {
    return askForCredentials();
  } catch {
    // Deno without --allow-sys.
    return undefined;
  }
}

function askForCredentials(): Credentials | undefined {
  const { getuid, geteuid, getgid, getegid, getgroups } = process;
  if (
    getuid === undefined ||
    geteuid === undefined ||
    getgid === undefined ||
    getegid === undefined ||
    getgroups === undefined
  ) {
    return undefined;
  }
  return {
    uid: getuid(),
    effectiveUid: geteuid(),
    gid: getgid(),
    effectiveGid: getegid(),
    groups: [...getgroups()].sort((one, other) => one - other),
  };
}

/** True when they are not the same. */
export function differ(before: Credentials | undefined, now: Credentials | undefined): boolean {
  return JSON.stringify(before) !== JSON.stringify(now);
}
