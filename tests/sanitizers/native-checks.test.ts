/**
 * Every check of the native halves ends the process when it fails, so nothing from outside may reach one: an operating
 * error is a result. Each is listed here with what keeps it from being reached; a new one has to say so too.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../life/bundle-programs.js";

/** Why what is outside cannot make a check fail. */
const reasons = {
  counts: "the engine's own count or queue: only its own code changes it",
  result: "the type's own rule: whoever asks for a value has looked at the error before",
  border: "core's record, which `CheckRecord` or `IsFree` has looked at before",
  table: "the switch over it, or the row in the table of operations, admits no other opcode",
  noCall: "no system call is behind it: it fails for wrong arguments only, which are constants here",
  kernelBuffers: "the kernel names buffers that it was given, each once (io_uring_register_buf_ring(3))",
} as const;

/** By file, the conditions and the reason for each. */
const checks: Readonly<Record<string, Readonly<Record<string, keyof typeof reasons>>>> = {
  "core/native/baton/handle_table.h": { "!cell.open && cell.users == 0": "counts" },
  "core/native/baton/result.h": { "negative_errno < 0": "result", "ok()": "result" },
  "core/native/baton/slab.h": { "refs_ > 0": "counts" },
  "core/native/baton/timer_queue.h": {
    fresh: "counts",
    "timers_.erase({deadline_ns, number}) == 1": "counts",
  },
  "core/native/baton/vector.h": {
    "count <= kVectorMax && entries_.empty() && slabs_.empty()": "border",
    "cell != nullptr": "border",
    "offset + length <= cell->length": "border",
  },
  "core/native/baton/waker.h": {
    "uv_timer_init(loop, &waker->timer_) == 0": "noCall",
    "uv_poll_start(&waker->poll_, UV_READABLE, OnReadable) == 0": "noCall",
  },
  "driver-epoll/native/engine_events.cc": {
    'false && "never waits for a descriptor"': "table",
    "op.active": "counts",
    "op.active && op.generation == job.id.generation && op.job == &job": "counts",
  },
  "driver-epoll/native/engine_start.cc": {
    "slot < shared_.limits().slots": "border",
    "!op.active": "border",
  },
  "driver-epoll/native/fd_queue.h": { "link.side == Side::kNone": "counts", "link.side != Side::kNone": "counts" },
  "driver-epoll/native/timers.h": {
    "timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0": "noCall",
  },
  "driver-uring/native/buffer_ring.h": {
    "!free_.empty() && bytes <= cell.length": "border",
    "id < kEntries && numbers_[id] != kFree": "kernelBuffers",
  },
  "driver-uring/native/endings.h": { "found != gates_.end()": "counts", "cell.users > 0": "counts" },
  "driver-uring/native/entry_writer.h": { "sqe != nullptr": "counts", "timeout != nullptr": "counts" },
  "driver-uring/native/op.h": { "slot < slots_": "border", "!op.active": "border" },
  "driver-uring/native/prepare.h": {
    'false && "no entry of the ring"': "table",
    "message->PrepareSend(area(), record_.vector_count, state_.buffers) == 0": "border",
  },
  "driver-uring/native/thread_calls.h": { "op.active && op.on_thread": "counts" },
};

/** The conditions of a source, in their order. */
function conditionsIn(path: string): string[] {
  const text = readFileSync(join(root, "packages", path), "utf8");
  return [...text.matchAll(/BATON_CHECK\((.*)\);/g)].map(([, condition]) => condition!);
}

const sources = ["core/native/baton", "driver-epoll/native", "driver-uring/native"].flatMap((directory) =>
  readdirSync(join(root, "packages", directory))
    .filter((name) => /\.(h|cc)$/.test(name))
    .map((name) => `${directory}/${name}`),
);

describe("each check of the native halves is listed with the reason why nothing from outside reaches it", () => {
  for (const path of sources) {
    const conditions = [...new Set(conditionsIn(path))];
    if (conditions.length === 0 && checks[path] === undefined) continue;
    test(path, () => {
      const listed = checks[path] ?? {};
      expect(Object.keys(listed).sort()).toEqual(conditions.sort());
      for (const reason of Object.values(listed)) expect(reasons[reason]).toMatch(/\w/);
    });
  }
});
