// Timers that the engine keeps: what the kernel has of them, and what becomes of them where it refuses.
#include <time.h>
#include <unistd.h>

#include <deque>

#include "baton/timer_queue.h"
#include "bench.h"
#include "harness.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

void PrepareTimer(Bench& bench, uint32_t slot, uint32_t microseconds) {
  bench.Prepare(slot, Opcode::kTimer).position_low = microseconds;
}

void PrepareCancel(Bench& bench, uint32_t slot, uint32_t target) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kCancel);
  record.argument0 = target;
  record.argument1 = 1;
}

// Seconds of this process's own work.
double WorkSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

// mutant: timers-armed-once, timers-armed-by-hand, timers-early
TEST("timers end in the order of their times, not one early, whatever order they were started in") {
  Bench bench;
  constexpr uint32_t kDelaysUs[] = {40'000, 5000, 60'000, 20'000, 0, 20'000};
  constexpr uint32_t kOrder[] = {4, 1, 3, 5, 0, 2};
  PrepareTimer(bench, 9, 60'000'000);
  bench.Submit();
  const int64_t start = TimerQueue::NowNs();
  for (uint32_t slot = 0; slot < 6; slot++) {
    PrepareTimer(bench, slot, kDelaysUs[slot]);
    bench.Submit();
  }
  for (size_t ended = 0; ended < 6; ended++) {
    const bool came = bench.WaitFor(ended + 1);
    EXPECT(came);
    if (!came) return;
    const CompletionRecord& record = bench.completions[ended];
    EXPECT(record.slot == kOrder[ended] && record.result == 0);
    EXPECT(TimerQueue::NowNs() - start >= kDelaysUs[record.slot] * INT64_C(1000));
  }
  // The first of all is still to come, and kept nobody waiting.
  EXPECT(TimerQueue::NowNs() - start < 10'000'000'000 && bench.engine().in_flight() == 1);
}

TEST("timers of which each is earlier than all before it end, not one early, though the kernel has few of them") {
  Bench bench({.entries = 8});
  constexpr uint32_t kCount = 1000;
  const int64_t start = TimerQueue::NowNs();
  for (uint32_t slot = 0; slot < kCount; slot++) {
    PrepareTimer(bench, slot, 500'000 - slot * 100);
    bench.Submit();
  }
  EXPECT(bench.WaitFor(kCount) && bench.completions.size() == kCount);
  EXPECT(TimerQueue::NowNs() - start >= 500'000'000);
  for (const CompletionRecord& record : bench.completions) EXPECT(record.result == 0);
  EXPECT(bench.engine().unknown_completions() == 0 && bench.engine().in_flight() == 0);
}

// mutant: timers-canceled-by-the-kernel
TEST("a timer later than one that is armed, and a cancel, cost no system call") {
  Bench bench;
  PrepareTimer(bench, 1, 50'000);
  bench.Submit();
  const int before = bench.port().submits();
  for (uint32_t slot = 2; slot < 1000; slot++) PrepareTimer(bench, slot, 60'000'000 + slot);
  bench.Submit();
  for (uint32_t slot = 2; slot < 1000; slot++) PrepareCancel(bench, 1000 + slot, slot);
  bench.Submit();
  EXPECT(bench.port().submits() == before && bench.completions.size() == 1996);
  for (uint32_t slot = 2; slot < 1000; slot++) {
    EXPECT(bench.Only(slot)->result == -ECANCELED && bench.Only(1000 + slot)->result == 0);
  }
  PrepareCancel(bench, 3000, 2);
  bench.Submit();
  EXPECT(bench.Only(3000)->result == -ENOENT);
  EXPECT(bench.WaitFor(1998) && bench.Only(1)->result == 0 && bench.engine().in_flight() == 0);
}

TEST("a timer that is canceled leaves those behind it to end in time") {
  Bench bench;
  for (uint32_t slot = 1; slot <= 3; slot++) PrepareTimer(bench, slot, slot * 10'000);
  bench.Submit();
  PrepareCancel(bench, 4, 1);
  bench.Submit();
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(1)->result == -ECANCELED && bench.Only(2)->result == 0 && bench.Only(3)->result == 0);
}

// mutant: refused-timers-wait-for-ever
TEST(
    "a timeout that the kernel refuses ends the timers that nothing else wakes for, and those that come then end "
    "well") {
  Bench bench;
  PrepareTimer(bench, 1, 60'000'000);
  bench.Submit();
  bench.port().ReplaceResults({-ENOMEM});
  PrepareTimer(bench, 2, 1000);
  PrepareTimer(bench, 3, 2'000'000);
  bench.Submit();
  const bool ended = bench.WaitFor(2);
  EXPECT(ended);
  if (!ended) return;
  EXPECT(bench.Only(2) != nullptr && bench.Only(3) != nullptr && bench.Only(3)->result == -ENOMEM);
  EXPECT(bench.Only(1) == nullptr);
  PrepareTimer(bench, 4, 1000);
  bench.Submit();
  EXPECT(bench.WaitFor(3) && bench.Only(4)->result == 0);
  EXPECT(bench.engine().Shutdown(1000) == 0);
}

TEST("a ring that has no room for now arms its timers when it has") {
  Bench bench({.entries = 8});
  bench.port().FailSubmits(std::deque<int>(2000, -EBUSY));
  for (uint32_t slot = 0; slot < 8; slot++) bench.Prepare(slot, Opcode::kNop);
  PrepareTimer(bench, 9, 1000);
  bench.Submit();
  EXPECT(bench.engine().has_unsubmitted());
  for (int turns = 0; turns < 5000 && bench.completions.size() < 9; turns++) {
    usleep(1000);
    bench.Turn();
  }
  EXPECT(bench.completions.size() == 9 && bench.Only(9)->result == 0 && !bench.engine().has_unsubmitted());
}

TEST("with sqpoll, deferred work and without what newer kernels have timers end as well") {
  for (const BenchOptions& options : {BenchOptions{.sqpoll = true}, BenchOptions{.defer_taskrun = true},
                                      BenchOptions{.disabled_features = UINT32_MAX}}) {
    Bench bench(options);
    for (uint32_t slot = 0; slot < 20; slot++) {
      PrepareTimer(bench, slot, 20'000 - slot * 1000);
      bench.Submit();
    }
    EXPECT(bench.WaitFor(20));
    for (uint32_t slot = 0; slot < 20; slot++) EXPECT(bench.Only(slot)->result == 0);
    PrepareTimer(bench, 30, 60'000'000);
    bench.Submit();
    EXPECT(bench.engine().Shutdown(1000) == 0);
    // Nobody takes what came last out of the shared memory.
    EXPECT(bench.engine().in_flight() == 0);
  }
}

TEST("canceling timers in any order costs about as much for each of many as for each of few") {
  const auto cost = [](uint32_t count) {
    Bench bench({.slots = 65536});
    for (uint32_t slot = 0; slot < count; slot++) PrepareTimer(bench, slot, 60'000'000 + slot);
    bench.Submit();
    const double before = WorkSeconds();
    for (uint32_t slot = 0; slot < count; slot++) PrepareCancel(bench, count + slot, count - 1 - slot);
    bench.Submit();
    EXPECT(bench.completions.size() == 2 * count);
    return (WorkSeconds() - before) / count;
  };
  (void)cost(2000);
  const double few = cost(2000);
  EXPECT(cost(30'000) < 5 * few);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
