import { deniedFeatures, deniedKernel, deniedKernels, uringFeatures } from "@baton-io/driver-uring";
import { describe, expect, test } from "vitest";

describe("known-bad kernels", () => {
  test.each([
    ["6.1.112", undefined],
    ["6.1.113", "hang"],
    ["6.1.115-126.197.amzn2023.x86_64", "hang"],
    ["6.1.116", undefined],
    ["6.6.56", undefined],
    ["6.6.57", "hang"],
    ["6.6.59+deb12-amd64", "hang"],
    ["6.6.60", undefined],
    ["5.15.0-100-generic", undefined],
    ["6.12", undefined],
  ])("on %s the driver stays out: %s", (release, reason) => {
    const denied = deniedKernel(release);
    if (reason === undefined) expect(denied).toBeUndefined();
    else expect(denied?.reason).toContain(reason);
  });

  test.each([
    ["6.1.6", []],
    ["6.1.7", ["buffer-ring"]],
    ["6.1.8", []],
    ["6.3.0", ["registered-buffers"]],
    ["6.3.1-arch1", ["registered-buffers"]],
    ["6.3.2", []],
    ["6.4", ["buffer-ring"]],
    ["6.5.13", ["buffer-ring"]],
    ["6.6.4", ["buffer-ring"]],
    ["6.6.5", []],
    ["6.18.44", []],
  ])("on %s these features stay unused: %j", (release, features) => {
    expect(deniedFeatures(release)).toEqual(features);
  });

  test("a release that is no version is not denied", () => {
    for (const release of ["", "unknown", "x6.1.113", "6"]) {
      expect(deniedKernel(release)).toBeUndefined();
      expect(deniedFeatures(release)).toEqual([]);
    }
  });

  test("every row names a range, a feature that can be left unused, and where it is told", () => {
    for (const { from, until, feature, reason, link } of deniedKernels) {
      const order = from[0] - until[0] || from[1] - until[1] || from[2] - until[2];
      expect(order).toBeLessThan(0);
      expect(feature === "driver" || uringFeatures.includes(feature)).toBe(true);
      expect(reason).not.toBe("");
      expect(link).toMatch(/^https:\/\//);
    }
  });
});
