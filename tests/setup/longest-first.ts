/**
 * The order of the test files: those that take long begin first, so that at the end no processor waits for the last of
 * them. Left to itself the runner begins with the largest files, and the kit's, which take longest, are the smallest.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take more than some seconds, the longest first. */
const LONG: readonly string[] = [
  "tests/sanitizers/kit-under-watch.test.ts",
  "packages/core/test/sim/conformance.test.ts",
  "packages/driver-uring/test/feature-masks.test.ts",
  "packages/driver-libuv/test/conformance.test.ts",
  "packages/driver-uring/test/conformance-options.test.ts",
  "packages/driver-uring/test/conformance.test.ts",
  "packages/driver-epoll/test/conformance.test.ts",
  "tests/conformance/mixed-drivers.test.ts",
];

function rank({ moduleId }: TestSpecification): number {
  const index = LONG.findIndex((file) => moduleId.endsWith(`/${file}`));
  return index < 0 ? LONG.length : index;
}

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => rank(one) - rank(other));
  }
}
