// Operations whose call another thread makes, from their start to their end.
#ifndef BATON_URING_THREAD_CALLS_H_
#define BATON_URING_THREAD_CALLS_H_

#include <liburing.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "baton/file_jobs.h"
#include "endings.h"
#include "finish.h"
#include "op.h"
#include "state.h"
#include "threads.h"

namespace baton::uring {

class ThreadCalls {
 public:
  ThreadCalls(State& state, Endings& endings) : state_(state), endings_(endings) {}

  // The operation is in flight; `fd` is the descriptor of its handle, -1 without one. Its call is made from `Begin` on.
  void Start(uint32_t slot, Op& op, const SubmissionRecord& record, int fd) {
    op.waiting = false;
    if (fd >= 0 && !op.holds_descriptors) endings_.HoldDescriptors(op, {record.handle_index, -1});
    threads_.Hand(state_, slot, op, record, fd);
  }

  // Gives to the threads what was started.
  void Begin() {
    std::vector<std::unique_ptr<Job>> refused;
    const int error = threads_.Begin(&refused);
    for (const auto& job : refused) Finish(job->id.slot, {error});
  }

  // Ends an operation whose call no thread has begun; false when one has.
  bool Cancel(uint32_t slot, const Op& op) {
    if (!threads_.Withdraw(op.job)) return false;
    Finish(slot, {-ECANCELED});
    return true;
  }

  // The session ends: what no thread has begun is not begun any more.
  void CancelAll() {
    for (uint32_t slot = 0; threads_.IsBusy() && slot < state_.operations.slots(); slot++) {
      const Op& op = state_.operations.At(slot);
      if (op.active && op.on_thread) (void)Cancel(slot, op);
    }
  }

  // Ends the operations whose calls are done.
  void Collect() {
    for (const auto& job : threads_.Collect()) {
      Outcome outcome{static_cast<int32_t>(job->result)};
      const Op& op = state_.operations.At(job->id.slot);
      if (outcome.result == 0 && EntryOf(op.opcode).beside == Beside::kThreadForPath) {
        outcome.result = static_cast<BindJob&>(*job).Take(op.data);
        outcome.flags = AdoptArrival(state_, &outcome.result);
      }
      Finish(job->id.slot, outcome);
    }
  }

  // Nothing would tell of the calls that are out.
  bool IsUnwatched() const { return threads_.IsUnwatched(); }
  // Fills the entry that waits for them.
  void Watch(io_uring_sqe* sqe) { threads_.Watch(sqe); }
  // That entry has ended, or the kernel has never taken it.
  void Unwatch() { threads_.Unwatch(); }

  void Stop(uint64_t deadline_ms) { threads_.Stop(deadline_ms); }

 private:
  void Finish(uint32_t slot, Outcome outcome) {
    Op& op = state_.operations.At(slot);
    BATON_CHECK(op.active && op.on_thread);
    endings_.End(slot, op, outcome, outcome.result >= 0);
  }

  State& state_;
  Endings& endings_;
  Threads threads_;
};

}  // namespace baton::uring

#endif  // BATON_URING_THREAD_CALLS_H_
