import type { UringOptions } from "@baton-io/driver-uring";
import { describe, expect, test } from "vitest";
import type { RingInfo } from "../src/binding.js";
import { readOptions } from "../src/options.js";
import { findShortfalls } from "../src/shortfalls.js";

describe("shortfalls", () => {
  const ring: RingInfo = {
    ...{ setupFlags: 0, featureFlags: 0, entries: 1024, cqEntries: 4096, restricted: true },
    ...{ multishotAccept: true, multishotReceive: true, bufferRing: true, bufferRingRefused: false },
    ...{ zeroCopySend: true, registeredBuffers: true, links: true, linkTimeout: true, operations: [] },
  };
  const asked = (options: UringOptions) => readOptions(options, {});

  // mutant: smaller-ring-not-noticed
  test("are what a ring has less of than was asked for", () => {
    const smaller = { ...ring, entries: 256, cqEntries: 1024, bufferRing: false, bufferRingRefused: true };
    expect(findShortfalls(asked({}), smaller)).toMatchObject([
      { what: "entries of the ring", wanted: 1024, got: 256 },
      { what: "completion entries of the ring", wanted: 4096, got: 1024 },
      { what: "entries of the buffer ring", wanted: 4096, got: 0 },
    ]);
  });

  test("are none when it has as much, or more because queues are powers of two, or lacks what the kernel lacks", () => {
    expect(findShortfalls(asked({}), ring)).toEqual([]);
    expect(findShortfalls(asked({ entries: 1000, cqEntries: 4000 }), ring)).toEqual([]);
    expect(findShortfalls(asked({}), { ...ring, bufferRing: false })).toEqual([]);
  });
});
