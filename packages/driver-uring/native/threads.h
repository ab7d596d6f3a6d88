// Operations that the kernel has no entry of the ring for and that may block: each is a call on a thread. The ring is
// woken by an entry of its own that waits for the threads' descriptor, only while calls are out.
#ifndef BATON_URING_THREADS_H_
#define BATON_URING_THREADS_H_

#include <liburing.h>
#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "baton/file_jobs.h"
#include "baton/worker_pool.h"
#include "op.h"
#include "state.h"
#include "user_data.h"

namespace baton::uring {

class Threads {
 public:
  // The call of an operation, which is in flight and holds its descriptor `fd`, -1 without one. It begins with `Begin`.
  void Hand(State& state, uint32_t slot, Op& op, const SubmissionRecord& record, int fd) {
    const JobId id{slot, op.generation};
    std::unique_ptr<Job> job;
    if (EntryOf(op.opcode).beside == Beside::kThreadForPath) {
      op.data = state.shared.arena(record.arena_offset);
      job = std::make_unique<BindJob>(id, record, op.data, 0);
    } else if (InfoOf(op.opcode).area == AreaContent::kNone) {
      job = MakeFileJob(id, record, op.opcode, fd);
    } else {
      job = MakePathJob(id, record, op.opcode, state.shared.arena(record.arena_offset));
    }
    op.on_thread = true;
    op.job = job.get();
    handed_.push_back(std::move(job));
  }

  // Gives what was handed to the threads. What they do not take (no thread, no descriptor to be woken by) is left in
  // `refused`; its errno is the result.
  int Begin(std::vector<std::unique_ptr<Job>>* refused) {
    if (handed_.empty()) return 0;
    if (pool_ == nullptr) pool_ = std::make_unique<WorkerPool>(kThreadsMax);
    const auto count = static_cast<uint32_t>(handed_.size());
    int error = pool_->error();
    if (error < 0) {
      // There may be a descriptor the next time.
      pool_.reset();
    } else {
      error = pool_->AddAll(handed_);
    }
    if (error == 0) {
      out_ += count;
    } else {
      *refused = std::exchange(handed_, {});
    }
    return error;
  }

  // Takes back what no thread has begun, and it is gone; false when one has: then it runs to its end.
  bool Withdraw(Job* job) {
    if (std::erase_if(handed_, [job](const auto& handed) { return handed.get() == job; }) > 0) return true;
    if (!job->Withdraw()) return false;
    out_--;
    return true;
  }

  bool IsBusy() const { return out_ > 0 || !handed_.empty(); }
  // Nothing would tell of the calls that are out.
  bool IsUnwatched() const { return !watched_ && out_ > 0; }
  // Fills the entry that waits for them.
  void Watch(io_uring_sqe* sqe) {
    io_uring_prep_poll_add(sqe, pool_->done_fd(), POLLIN);
    sqe->user_data = UserData(0, 0, Tag::kThreads);
    watched_ = true;
  }
  // That entry has ended, or the kernel has never taken it.
  void Unwatch() { watched_ = false; }

  // Lets the threads end, and leaves those that hang to themselves.
  void Stop(uint64_t deadline_ms) {
    if (pool_ != nullptr) (void)pool_->Stop(deadline_ms);
  }

  // The calls that are done.
  std::vector<std::unique_ptr<Job>> Collect() {
    std::vector<std::unique_ptr<Job>> done = pool_ == nullptr ? std::vector<std::unique_ptr<Job>>{} : pool_->Collect();
    out_ -= static_cast<uint32_t>(done.size());
    return done;
  }

 private:
  // As many as the runtime has for its own.
  static constexpr uint32_t kThreadsMax = 4;

  // Made with the first call.
  std::unique_ptr<WorkerPool> pool_;
  // Calls that go to the threads together.
  std::vector<std::unique_ptr<Job>> handed_;
  // With the threads, and neither withdrawn nor collected.
  uint32_t out_ = 0;
  bool watched_ = false;
};

}  // namespace baton::uring

#endif  // BATON_URING_THREADS_H_
