/** What a ring has less of than was asked for: the kernel charges rings to locked memory, and the limit may be short. */
import { PROVIDED_MAX, type Shortfall } from "@baton-io/core/driver";
import type { RingInfo } from "./binding.js";
import type { NativeOptions } from "./options.js";

/** Completion entries for each submission entry, unless told otherwise. */
const COMPLETIONS_PER_ENTRY = 4;

type Sizes = Pick<NativeOptions, "entries" | "cqEntries">;

/** Queues have a power of two of entries. */
function roundUp(entries: number): number {
  return 2 ** Math.ceil(Math.log2(entries));
}

/** Entries that these options ask for. */
function wantedSizes({ entries, cqEntries }: Sizes): Sizes {
  return { entries: roundUp(entries), cqEntries: roundUp(cqEntries || entries * COMPLETIONS_PER_ENTRY) };
}

/** What the driver will ask for; whether it is granted shows when a backend is opened. */
export function wantedText(options: Sizes): string {
  const { entries, cqEntries } = wantedSizes(options);
  return `${entries} entries and ${cqEntries} completions are asked for`;
}

/** Compares what a session got with what it asked for. */
export function findShortfalls(options: Sizes, ring: RingInfo): readonly Shortfall[] {
  const wanted = wantedSizes(options);
  const memory = "the kernel had no memory for more: the limit on locked memory, or a cgroup";
  const rows = [
    { what: "entries of the ring", wanted: wanted.entries, got: ring.entries, reason: memory },
    { what: "completion entries of the ring", wanted: wanted.cqEntries, got: ring.cqEntries, reason: memory },
    { what: "entries of the buffer ring", wanted: ring.bufferRingRefused ? PROVIDED_MAX : 0, got: 0, reason: memory },
  ];
  return rows.filter(({ got, wanted: asked }) => got < asked);
}
