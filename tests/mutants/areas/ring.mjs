// @ts-check
/** Mutants of the native halves: the engines, and what they share. */
import { CORE, core, native, simKit } from "../killers.mjs";

const URING = "packages/driver-uring/native/";
const SHARED = "packages/core/native/baton/";
const EPOLL = "packages/driver-epoll/native/";

/** @type {readonly import("../list.mjs").Mutant[]} */
export const ring = [
  // --- descriptors and who still names them ---------------------------------------------------------------------------
  {
    name: "uring-close-waits-for-nobody",
    promise: "P8",
    file: `${URING}endings.h`,
    find: "    if (cell.users == 0) return false;\n    op.waiting = false;",
    replace: "    if (cell.users < UINT32_MAX) return false;\n    op.waiting = false;",
    killedBy: native("driver-uring", "descriptors_test.cc", "a close in one batch behind them"),
  },
  {
    name: "uring-closes-what-is-unconfirmed",
    promise: "P8",
    file: `${URING}engine.h`,
    find: "      if (cell.users == 0) ::close(cell.fd);",
    replace: "      ::close(cell.fd);",
    killedBy: native("driver-uring", "descriptors_test.cc", "writes into its own file when the kernel goes on"),
  },
  {
    name: "chain-holds-nothing",
    promise: "P8",
    file: `${URING}starter.h`,
    find: "endings_.HoldDescriptors(op, holds.Next(state_.handles, record));",
    replace: "(void)holds;",
    killedBy: native("driver-uring", "chains_test.cc", "the middle of a chain still needs is closed only after it"),
  },
  {
    name: "epoll-chain-holds-nothing",
    promise: "P8",
    file: `${EPOLL}engine_chains.cc`,
    find: "    Hold(chain[index], holds.Next(handles_, shared_.record(chain[index])));\n",
    replace: "    Hold(chain[index], {});\n",
    killedBy: native("driver-epoll", "engine_chain_cases.h", "a close waits for a member of a chain"),
  },
  {
    name: "sim-close-waits-for-nobody",
    promise: "P8",
    file: `${CORE}testing/sim/handles.ts`,
    find: "    if (!this.#closed || this.#operations > 0) return;\n",
    replace: "    if (!this.#closed) return;\n",
    killedBy: simKit("spi-descriptors/close-behind-chain"),
  },
  // --- other kernels --------------------------------------------------------------------------------------------------
  {
    name: "unknown-completion-is-taken",
    promise: "P1",
    file: `${URING}engine.h`,
    find: "    if (found == nullptr) [[unlikely]] {",
    replace: "    if (found == nullptr && TagOf(cqe.user_data) != Tag::kOperation) {",
    killedBy: native("driver-uring", "kernels_test.cc", "are counted and passed over"),
  },
  {
    name: "wait-by-an-entry",
    promise: "P9",
    file: `${URING}ring.h`,
    find: "    if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) return WaitOnDescriptor(timeout_ns);\n",
    replace: "",
    killedBy: native("driver-uring", "kernels_test.cc", "a wait without EXT_ARG leaves no entry behind"),
  },
  {
    name: "sqpoll-without-its-files",
    promise: "P10",
    file: `${URING}ring.h`,
    find: "    if (TakesByItself() && (ring_.features & IORING_FEAT_SQPOLL_NONFIXED) == 0) return -EOPNOTSUPP;\n",
    replace: "",
    killedBy: native("driver-uring", "kernels_test.cc", "where its thread takes registered files only"),
  },
  {
    name: "sqpoll-submit-spins",
    promise: "P11",
    file: `${URING}handover.h`,
    find: "      if (taken >= 0 && port_->TakesByItself()) return;\n",
    replace: "",
    killedBy: native("driver-uring", "kernels_test.cc", "with sqpoll a batch within the size of the ring is told once"),
  },
  {
    name: "refused-for-ever",
    promise: "P1",
    file: `${URING}engine.h`,
    find: "    EndRefused();\n",
    replace: "",
    killedBy: native("driver-uring", "kernels_test.cc", "what the kernel refuses for a second ends with its reason"),
  },
  {
    name: "cancels-give-up",
    promise: "P9",
    file: `${URING}engine.h`,
    find: "      CancelAll();\n      BeginCalls();",
    replace: "      BeginCalls();",
    killedBy: native("driver-uring", "kernels_test.cc", "the end of a session cancels everything"),
  },
  // --- calls on threads -----------------------------------------------------------------------------------------------
  {
    name: "uring-calls-on-the-loop",
    promise: "P11",
    file: `${URING}threads.h`,
    find: "    handed_.push_back(std::move(job));",
    replace: "    job->result = job->Run();\n    handed_.push_back(std::move(job));",
    killedBy: native("driver-uring", "old_kernel_test.cc", "what waits for a frozen file system holds up nobody"),
  },
  {
    name: "threads-wake-nobody",
    promise: "P1",
    file: `${URING}threads.h`,
    find: "pool_->done_fd(), POLLIN);",
    replace: "pool_->done_fd(), POLLPRI);",
    killedBy: native("driver-uring", "old_kernel_test.cc", "what waits for a frozen file system holds up nobody"),
  },
  {
    name: "thread-holds-no-descriptor",
    promise: "P8",
    file: `${URING}thread_calls.h`,
    find: "    if (fd >= 0 && !op.holds_descriptors) endings_.HoldDescriptors(op, {record.handle_index, -1});\n    threads_",
    replace: "    threads_",
    killedBy: native("driver-uring", "old_kernel_test.cc", "a call on a thread holds its descriptor"),
  },
  {
    name: "thread-left-behind",
    promise: "P5",
    file: `${URING}threads.h`,
    find: "    if (!job->Withdraw()) return false;\n",
    replace: "    (void)job->Withdraw();\n",
    killedBy: native("driver-uring", "old_kernel_test.cc", "a call that no thread has begun can be cancelled"),
  },
  {
    name: "nobody-stands-in",
    promise: "P11",
    file: `${SHARED}worker_pool.h`,
    find: "    if (is_short) StandIn(shared_);\n",
    replace: "    (void)is_short;\n",
    killedBy: native("core", "worker_pool_cases.h", "while every thread hangs, others stand in for them"),
  },
  {
    name: "stand-ins-without-number",
    promise: "P11",
    file: `${SHARED}worker_pool.h`,
    find: "stand_ins < kStandInsMax;",
    replace: "stand_ins < UINT32_MAX;",
    killedBy: native("core", "worker_pool_cases.h", "no more than a number of threads stand in"),
  },
  {
    name: "failed-addon-is-remembered",
    promise: "P10",
    file: `${CORE}spi/load-binding.ts`,
    find: 'if (loaded === undefined || "unavailable" in loaded) loaded = load();',
    replace: "if (loaded === undefined) loaded = load();",
    killedBy: core("load-binding", "an addon that could not be loaded is tried again, one that was loaded is not"),
  },
  // --- sends without a copy -------------------------------------------------------------------------------------------
  {
    name: "zero-copy-keeps-its-pages",
    promise: "P3",
    file: `${URING}zero_copy.h`,
    find: "ExchangePages(pages) < 0",
    replace: "pages.bytes == 0",
    killedBy: native("driver-uring", "memory_use_test.cc", "that a peer does not read can be ended"),
  },
  {
    name: "zero-copy-waits-for-its-peer",
    promise: "P5",
    file: `${URING}starter.h`,
    find: "      if (!target->awaits_notification) return true;\n",
    replace: "      if (target->active) return true;\n",
    killedBy: native("driver-uring", "memory_use_test.cc", "that a peer does not read can be ended"),
  },
  {
    name: "zero-copy-outlives-its-timeout",
    promise: "P5",
    file: `${URING}prepare.h`,
    find: "!chained && !record_.Has(kSubmitTimeout) && ",
    replace: "!chained && ",
    killedBy: native(
      "driver-uring",
      "memory_use_test.cc",
      "of which the kernel keeps the time is over when it has the bytes",
    ),
  },
  // --- what the system says -------------------------------------------------------------------------------------------
  {
    name: "length-of-the-kernel-is-believed",
    promise: "operations",
    file: `${SHARED}address.h`,
    find: "std::min<size_t>(address.length, sizeof(un))",
    replace: "size_t{address.length}",
    killedBy: native("core", "address_test.cc", "a peer whose path fills all 108 bytes is told with them and nothing"),
  },
  {
    name: "each-session-has-its-own-deadline",
    promise: "P9",
    file: `${SHARED}environment_end.h`,
    find: "    if (!deadline_.has_value()) {\n",
    replace: "    {\n",
    killedBy: native("core", "environment_end_test.cc", "the first hook asks all sessions to end"),
  },
];
