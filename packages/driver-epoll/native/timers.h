// Timers of all operations over one timerfd, which is armed for the earliest.
#ifndef BATON_EPOLL_TIMERS_H_
#define BATON_EPOLL_TIMERS_H_

#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>

#include "baton/check.h"
#include "baton/timer_queue.h"
#include "baton/unique_fd.h"

namespace baton::epoll {

class Timers {
 public:
  Timers() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)), error_(fd_.valid() ? 0 : -errno) {}

  // Why there is no descriptor, a negative errno; else 0. Without one nothing is to be added.
  int error() const { return error_; }

  // Readable when the earliest timer is due.
  int fd() const { return fd_.get(); }

  // See `TimerQueue`.
  int64_t Add(uint32_t number, int64_t delay_ns) {
    const int64_t deadline = queue_.Add(number, delay_ns);
    if (deadline < armed_ns_) Arm(deadline);
    return deadline;
  }

  // The descriptor stays armed for it: one wake too many costs less than a system call for every timer that is removed.
  void Remove(uint32_t number, int64_t deadline_ns) { queue_.Remove(number, deadline_ns); }

  // Calls `fired(number)` for each timer that is due, earliest first.
  template <typename Fired>
  void Take(Fired fired) {
    uint64_t ignored;
    (void)!read(fd_.get(), &ignored, sizeof(ignored));
    armed_ns_ = TimerQueue::kNever;
    queue_.TakeUntil(TimerQueue::NowNs(), fired);
    if (queue_.earliest_ns() < armed_ns_) Arm(queue_.earliest_ns());
  }

 private:
  void Arm(int64_t deadline_ns) {
    armed_ns_ = deadline_ns;
    itimerspec when{};
    when.it_value = {deadline_ns / TimerQueue::kNsPerSecond, deadline_ns % TimerQueue::kNsPerSecond};
    // A deadline of 0 would disarm it.
    if (deadline_ns <= 0) when.it_value = {0, 1};
    BATON_CHECK(timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
  }

  TimerQueue queue_;
  // When the descriptor becomes readable next.
  int64_t armed_ns_ = TimerQueue::kNever;
  UniqueFd fd_;
  int error_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_TIMERS_H_
