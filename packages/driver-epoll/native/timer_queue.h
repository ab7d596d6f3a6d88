// Timers of all operations over one timerfd: a heap of deadlines, and the descriptor set to the earliest.
#ifndef BATON_EPOLL_TIMER_QUEUE_H_
#define BATON_EPOLL_TIMER_QUEUE_H_

#include <sys/timerfd.h>
#include <time.h>

#include <cstdint>
#include <set>
#include <utility>

#include "baton/check.h"
#include "baton/unique_fd.h"

namespace baton::epoll {

class TimerQueue {
 public:
  TimerQueue() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) { BATON_CHECK(fd_.valid()); }

  // Readable when the earliest timer is due.
  int fd() const { return fd_.get(); }

  static int64_t NowNs() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
  }

  // Starts a timer for a slot; returns its deadline, which `Remove` wants.
  int64_t Add(uint32_t slot, int64_t delay_ns) {
    const int64_t deadline = NowNs() + delay_ns;
    const auto [position, fresh] = timers_.emplace(deadline, slot);
    BATON_CHECK(fresh);
    if (position == timers_.begin()) Arm();
    return deadline;
  }

  void Remove(uint32_t slot, int64_t deadline_ns) {
    const auto found = timers_.find({deadline_ns, slot});
    BATON_CHECK(found != timers_.end());
    const bool earliest = found == timers_.begin();
    timers_.erase(found);
    if (earliest) Arm();
  }

  // Calls `fired(slot)` for each timer that is due, earliest first.
  template <typename Fired>
  void Take(Fired fired) {
    uint64_t ignored;
    (void)!read(fd_.get(), &ignored, sizeof(ignored));
    const int64_t now = NowNs();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      const uint32_t slot = timers_.begin()->second;
      timers_.erase(timers_.begin());
      fired(slot);
    }
    Arm();
  }

 private:
  static constexpr int64_t kNsPerSecond = 1'000'000'000;

  void Arm() {
    itimerspec when{};
    if (!timers_.empty()) {
      const int64_t deadline = timers_.begin()->first;
      // A deadline of 0 would disarm it.
      when.it_value = {deadline / kNsPerSecond, deadline % kNsPerSecond};
      if (deadline <= 0) when.it_value.tv_nsec = 1;
    }
    BATON_CHECK(timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
  }

  std::set<std::pair<int64_t, uint32_t>> timers_;
  UniqueFd fd_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_TIMER_QUEUE_H_
