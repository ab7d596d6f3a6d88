// Timers of all operations over one timerfd: deadlines in order, and the descriptor armed for the earliest.
#ifndef BATON_EPOLL_TIMER_QUEUE_H_
#define BATON_EPOLL_TIMER_QUEUE_H_

#include <sys/timerfd.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <set>
#include <utility>

#include "baton/check.h"
#include "baton/unique_fd.h"

namespace baton::epoll {

class TimerQueue {
 public:
  TimerQueue() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)), error_(fd_.valid() ? 0 : -errno) {}

  // Why there is no descriptor, a negative errno; else 0. Without one nothing is to be added.
  int error() const { return error_; }

  // Readable when the earliest timer is due.
  int fd() const { return fd_.get(); }

  static int64_t NowNs() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
  }

  // Starts a timer that is known by a number of the caller's; returns its deadline, which `Remove` wants.
  int64_t Add(uint32_t number, int64_t delay_ns) {
    const int64_t now = NowNs();
    // What is further away than a clock counts is never.
    const int64_t deadline = delay_ns > kNever - now ? kNever - 1 : now + delay_ns;
    const auto [position, fresh] = timers_.emplace(deadline, number);
    BATON_CHECK(fresh);
    if (deadline < armed_ns_) Arm(deadline);
    return deadline;
  }

  // The descriptor stays armed for it: one wake too many costs less than a system call for every timer that is removed.
  void Remove(uint32_t number, int64_t deadline_ns) { BATON_CHECK(timers_.erase({deadline_ns, number}) == 1); }

  // Calls `fired(number)` for each timer that is due, earliest first.
  template <typename Fired>
  void Take(Fired fired) {
    uint64_t ignored;
    (void)!read(fd_.get(), &ignored, sizeof(ignored));
    armed_ns_ = kNever;
    const int64_t now = NowNs();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      const uint32_t number = timers_.begin()->second;
      timers_.erase(timers_.begin());
      fired(number);
    }
    if (!timers_.empty() && timers_.begin()->first < armed_ns_) Arm(timers_.begin()->first);
  }

 private:
  static constexpr int64_t kNsPerSecond = 1'000'000'000;
  static constexpr int64_t kNever = INT64_MAX;

  void Arm(int64_t deadline_ns) {
    armed_ns_ = deadline_ns;
    itimerspec when{};
    when.it_value = {deadline_ns / kNsPerSecond, deadline_ns % kNsPerSecond};
    // A deadline of 0 would disarm it.
    if (deadline_ns <= 0) when.it_value = {0, 1};
    BATON_CHECK(timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
  }

  std::set<std::pair<int64_t, uint32_t>> timers_;
  // When the descriptor becomes readable next.
  int64_t armed_ns_ = kNever;
  UniqueFd fd_;
  int error_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_TIMER_QUEUE_H_
