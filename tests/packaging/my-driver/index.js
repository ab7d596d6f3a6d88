// @ts-check
/**
 * A driver of somebody else: it has the libuv driver do the work, and stands between it and core. `MY_DRIVER` breaks it:
 *
 *   wrong-count        of what was read it tells one byte less
 *   lost-completion    what a read comes to, core is not told
 */
import { COMPLETION_SHIFT, COMPLETION_WORD, OPCODE, SUBMISSION_SHIFT } from "@baton-io/core/driver";
import { libuvDriver } from "@baton-io/driver-libuv";

const OPCODE_MASK = 0xff;
const broken = process.env["MY_DRIVER"];

/** @returns {import("@baton-io/core").Driver} */
export function myDriver() {
  const inner = libuvDriver();
  return {
    name: "mine",
    probe: () => inner.probe(),
    open: (host, limits) => {
      const session = inner.open({ ...host, sink: (count) => host.sink(passOn(count)) }, limits);
      const records = new Int32Array(session.shared.records);
      const completions = new Int32Array(session.shared.completions);

      /** @param {number} index Of a completion. */
      const isRead = (index) => {
        const slot = completions[(index << COMPLETION_SHIFT) + COMPLETION_WORD.slot] ?? 0;
        return ((records[slot << SUBMISSION_SHIFT] ?? 0) & OPCODE_MASK) === OPCODE.read;
      };
      /** @param {number} count Completions that are there. @returns {number} Those that core is told of. */
      function passOn(count) {
        if (broken === "lost-completion" && count > 0 && isRead(count - 1)) return count - 1;
        for (let index = 0; broken === "wrong-count" && index < count; index++) {
          const result = (index << COMPLETION_SHIFT) + COMPLETION_WORD.result;
          if (isRead(index) && Number(completions[result]) > 0) completions[result] = Number(completions[result]) - 1;
        }
        return count;
      }
      return session;
    },
  };
}
