// The timers of an engine, in the order of their deadlines. What wakes the engine for the earliest is the engine's.
#ifndef BATON_TIMER_QUEUE_H_
#define BATON_TIMER_QUEUE_H_

#include <time.h>

#include <cstdint>
#include <set>
#include <utility>

#include "baton/check.h"

namespace baton {

class TimerQueue {
 public:
  // Later than every deadline.
  static constexpr int64_t kNever = INT64_MAX;
  static constexpr int64_t kNsPerSecond = 1'000'000'000;

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
    return deadline;
  }

  void Remove(uint32_t number, int64_t deadline_ns) { BATON_CHECK(timers_.erase({deadline_ns, number}) == 1); }

  int64_t earliest_ns() const { return timers_.empty() ? kNever : timers_.begin()->first; }

  // Takes out each timer whose deadline is not later than this, earliest first, and calls `taken(number)` for it.
  template <typename Taken>
  void TakeUntil(int64_t deadline_ns, Taken taken) {
    while (!timers_.empty() && timers_.begin()->first <= deadline_ns) {
      const uint32_t number = timers_.begin()->second;
      timers_.erase(timers_.begin());
      taken(number);
    }
  }

 private:
  std::set<std::pair<int64_t, uint32_t>> timers_;
};

}  // namespace baton

#endif  // BATON_TIMER_QUEUE_H_
