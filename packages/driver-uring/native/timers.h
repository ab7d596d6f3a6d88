// Timers that are no part of a chain. The kernel keeps timeouts in one list and looks for each from its beginning, so
// that canceling many takes the square of their number; the engine keeps them in order, and the kernel has timeouts for
// the earliest only. A timeout stays armed when what it was for is canceled: one wake too many costs less than an entry
// for every cancel.
#ifndef BATON_URING_TIMERS_H_
#define BATON_URING_TIMERS_H_

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "baton/timer_queue.h"
#include "endings.h"
#include "op.h"
#include "prepare.h"
#include "state.h"
#include "user_data.h"

namespace baton::uring {

class Timers {
 public:
  Timers(State& state, Endings& endings) : state_(state), endings_(endings) {}

  void Start(uint32_t slot, const SubmissionRecord& record) {
    Op& op = state_.operations.Enter(slot, record, Opcode::kTimer);
    op.in_queue = true;
    op.deadline_ns = queue_.Add(slot, record.Position() * kNsPerUs);
  }

  void Cancel(uint32_t slot, Op& op) {
    queue_.Remove(slot, op.deadline_ns);
    End(slot, -ECANCELED);
  }

  void CancelAll() { EndUntil(TimerQueue::kNever, -ECANCELED); }

  // The kernel has no timeout for the earliest.
  bool IsUnarmed() const { return queue_.earliest_ns() < armed_ns(); }

  // Arms one. Another that is armed for later stays, as it will be wanted again, unless there are many: then the
  // earliest of them goes. `writer` has the entries; without room for one, it is tried again.
  template <typename Writer>
  void Arm(Writer& writer) {
    if (!IsUnarmed()) return;
    if (armed_count_ == kArmedMax) {
      io_uring_sqe* removal = writer.GetSqe();
      if (removal == nullptr) return;
      io_uring_prep_timeout_remove(removal, UserData(0, armed_[--armed_count_].number, Tag::kTimers), 0);
      removal->user_data = UserData(0, 0, Tag::kInternal);
    }
    io_uring_sqe* sqe = writer.GetSqe();
    if (sqe == nullptr) return;
    Armed& armed = armed_[armed_count_++];
    armed.deadline_ns = queue_.earliest_ns();
    armed.number = next_number_++ & kGenerationMax;
    // From now on and not at a time of the clock: within a time namespace the kernel has another.
    const int64_t left = std::max<int64_t>(0, armed.deadline_ns - TimerQueue::NowNs());
    armed.left = {left / TimerQueue::kNsPerSecond, left % TimerQueue::kNsPerSecond};
    io_uring_prep_timeout(sqe, &armed.left, 0, 0);
    sqe->user_data = UserData(0, armed.number, Tag::kTimers);
  }

  // A timeout has ended: the time of some is up. Where the kernel has refused it, those that it does not wake for now
  // end with its reason.
  void Finish(uint32_t number, int32_t result) {
    const bool was_armed = Disarm(number);
    EndUntil(TimerQueue::NowNs(), 0);
    const bool refused = result != -ETIME && result != -ECANCELED;
    if (was_armed && refused) EndUntil(armed_ns() - 1, result);
  }

 private:
  // A timeout that is with the kernel. `left` is read when its entry is taken: when there is that of another by then,
  // it is less, and the timeout wakes once too often.
  struct Armed {
    int64_t deadline_ns;
    uint32_t number;
    __kernel_timespec left;
  };

  // So that a program whose every timer is earlier than the one before leaves no more behind.
  static constexpr uint32_t kArmedMax = 8;

  // When the kernel wakes next.
  int64_t armed_ns() const { return armed_count_ == 0 ? TimerQueue::kNever : armed_[armed_count_ - 1].deadline_ns; }

  // False for one that was removed before it ended.
  bool Disarm(uint32_t number) {
    Armed* const end = armed_ + armed_count_;
    Armed* const found = std::find_if(armed_, end, [number](const Armed& one) { return one.number == number; });
    if (found == end) return false;
    std::move(found + 1, end, found);
    armed_count_--;
    return true;
  }

  void EndUntil(int64_t deadline_ns, int32_t result) {
    queue_.TakeUntil(deadline_ns, [this, result](uint32_t slot) { End(slot, result); });
  }

  void End(uint32_t slot, int32_t result) { endings_.EndAlone(slot, state_.operations.At(slot), {result}); }

  State& state_;
  Endings& endings_;
  TimerQueue queue_;
  // Latest first.
  Armed armed_[kArmedMax] = {};
  uint32_t armed_count_ = 0;
  uint32_t next_number_ = 0;
};

}  // namespace baton::uring

#endif  // BATON_URING_TIMERS_H_
