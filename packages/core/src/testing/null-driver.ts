/** A driver that completes every nop at once and can do nothing else: what is left is what core itself costs. */

import type { Driver } from "@baton-io/core";
import {
  allocateSharedMemory,
  COMPLETION_SHIFT,
  COMPLETION_WORD,
  CONTROL,
  createHeapMemory,
  defineCapabilities,
  ERRNO,
  native,
  OPCODE,
  SUBMISSION_SHIFT,
  WORD,
} from "@baton-io/core/driver";

const capabilities = defineCapabilities(
  { operations: { nop: native(), cancel: native() }, features: {} },
  "the null driver does nothing",
);

/**
 * @example
 * await using io = createBackend({ driver: nullDriver() });
 * await io.nop();
 */
export function nullDriver(): Driver {
  return {
    name: "null",
    probe: () => ({ available: true, capabilities, evidence: [] }),
    open: (_host, limits) => {
      const shared = allocateSharedMemory(limits);
      const records = new Int32Array(shared.records);
      const submissions = new Int32Array(shared.submissions);
      const completions = new Int32Array(shared.completions);
      const control = new Int32Array(shared.control);
      return {
        shared,
        capabilities,
        memory: createHeapMemory(),
        submit: (count) => {
          const taken = Math.min(count, limits.completionBatchMax);
          for (let index = 0; index < taken; index++) {
            const slot = submissions[index]!;
            const record = slot << SUBMISSION_SHIFT;
            const base = index << COMPLETION_SHIFT;
            completions[base + COMPLETION_WORD.slot] = slot;
            completions[base + COMPLETION_WORD.generation] = records[record + WORD.generation]!;
            completions[base + COMPLETION_WORD.result] = resultOf(records[record + WORD.operation]!);
            completions[base + COMPLETION_WORD.flags] = 0;
          }
          control[CONTROL.completionCount] = taken;
          return taken;
        },
        close: () => Promise.resolve({ unconfirmedOperations: 0, quarantinedBytes: 0 }),
      };
    },
  };
}

/**
 * By the first word of a record: a nop without flags succeeds, there is never anything to cancel, the rest is refused.
 */
function resultOf(operation: number): number {
  if (operation === OPCODE.nop) return 0;
  return operation === OPCODE.cancel ? -ERRNO.ENOENT : -ERRNO.ENOSYS;
}
