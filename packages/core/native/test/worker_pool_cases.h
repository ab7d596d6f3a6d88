// The worker pool's tests, run under AddressSanitizer and under ThreadSanitizer.
#ifndef BATON_TEST_WORKER_POOL_CASES_H_
#define BATON_TEST_WORKER_POOL_CASES_H_

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

#include "baton/worker_pool.h"
#include "harness.h"

namespace baton::test {

class AddJob final : public Job {
 public:
  AddJob(JobId job_id, std::atomic<int>& sum) : Job(job_id), sum_(sum) {}
  int64_t Run() override {
    sum_.fetch_add(1);
    return static_cast<int64_t>(id.slot) * 2;
  }

 private:
  std::atomic<int>& sum_;
};

// Runs until it is let go; like a call that hangs in the kernel. Shares what it waits on, as a real one would.
struct Gate {
  std::binary_semaphore entered{0};
  std::binary_semaphore open{0};
};

class GateJob final : public Job {
 public:
  GateJob(JobId job_id, std::shared_ptr<Gate> gate) : Job(job_id), gate_(std::move(gate)) {}
  int64_t Run() override {
    gate_->entered.release();
    gate_->open.acquire();
    return 0;
  }

 private:
  const std::shared_ptr<Gate> gate_;
};

// Waits as an event loop does, until `count` jobs are done.
inline std::vector<std::unique_ptr<Job>> CollectAll(WorkerPool& pool, size_t count) {
  std::vector<std::unique_ptr<Job>> done;
  while (done.size() < count) {
    pollfd descriptor{pool.done_fd(), POLLIN, 0};
    if (::poll(&descriptor, 1, 5000) <= 0) break;
    for (auto& job : pool.Collect()) done.push_back(std::move(job));
  }
  return done;
}

TEST("every job runs once and comes back with its result") {
  WorkerPool pool(4);
  std::atomic<int> sum{0};
  for (uint32_t slot = 0; slot < 500; slot++) EXPECT(pool.Add(std::make_unique<AddJob>(JobId{slot, 1}, sum)) == 0);
  const auto done = CollectAll(pool, 500);
  std::set<uint32_t> slots;
  for (const auto& job : done) {
    slots.insert(job->id.slot);
    EXPECT(job->result == static_cast<int64_t>(job->id.slot) * 2);
  }
  EXPECT(done.size() == 500 && slots.size() == 500 && sum == 500);
}

TEST("there are no more threads than allowed, and none before there is work") {
  WorkerPool pool(3);
  EXPECT(pool.threads() == 0);
  std::atomic<int> sum{0};
  for (uint32_t slot = 0; slot < 100; slot++) (void)pool.Add(std::make_unique<AddJob>(JobId{slot, 1}, sum));
  (void)CollectAll(pool, 100);
  EXPECT(pool.threads() >= 1 && pool.threads() <= 3);
}

TEST("a job that no thread has begun can be withdrawn, one that runs cannot") {
  WorkerPool pool(1);
  auto gate = std::make_shared<Gate>();
  std::atomic<int> sum{0};
  auto running = std::make_unique<GateJob>(JobId{1, 1}, gate);
  Job* running_job = running.get();
  EXPECT(pool.Add(std::move(running)) == 0);
  gate->entered.acquire();
  auto waiting = std::make_unique<AddJob>(JobId{2, 1}, sum);
  Job* waiting_job = waiting.get();
  EXPECT(pool.Add(std::move(waiting)) == 0);
  EXPECT(!running_job->Withdraw());
  EXPECT(waiting_job->Withdraw());
  gate->open.release();
  EXPECT(CollectAll(pool, 1).size() == 1);
  EXPECT(pool.Stop(5000) == 0);
  EXPECT(pool.Collect().empty() && sum == 0);
}

TEST("a burst comes back with one wake") {
  WorkerPool pool(1);
  auto gate = std::make_shared<Gate>();
  std::atomic<int> sum{0};
  EXPECT(pool.Add(std::make_unique<GateJob>(JobId{0, 1}, gate)) == 0);
  gate->entered.acquire();
  for (uint32_t slot = 1; slot <= 20; slot++) EXPECT(pool.Add(std::make_unique<AddJob>(JobId{slot, 1}, sum)) == 0);
  gate->open.release();
  while (sum < 20) std::this_thread::yield();
  EXPECT(pool.Stop(5000) == 0);
  char wakes[16];
  EXPECT(read(pool.done_fd(), wakes, sizeof(wakes)) == 1);
  EXPECT(pool.Collect().size() == 21);
}

TEST("a thread that hangs does not hold up the end longer than the deadline, and may end later") {
  auto gate = std::make_shared<Gate>();
  {
    WorkerPool pool(2);
    EXPECT(pool.Add(std::make_unique<GateJob>(JobId{1, 1}, gate)) == 0);
    gate->entered.acquire();
    const auto start = std::chrono::steady_clock::now();
    EXPECT(pool.Stop(20) == 1);
    const auto elapsed = std::chrono::steady_clock::now() - start;
    EXPECT(elapsed >= std::chrono::milliseconds(19) && elapsed < std::chrono::seconds(2));
    std::atomic<int> sum{0};
    EXPECT(pool.Add(std::make_unique<AddJob>(JobId{2, 1}, sum)) == -ECANCELED);
  }
  // The pool is gone; its thread still has everything it needs.
  gate->open.release();
  while (gate.use_count() > 1) std::this_thread::yield();
}

// mutant: nobody-stands-in
TEST("while every thread hangs, others stand in for them, and end when nothing hangs any more") {
  WorkerPool pool(2);
  std::vector<std::shared_ptr<Gate>> gates;
  // Ten calls hang, of which two have threads of their own.
  for (uint32_t slot = 0; slot < 10; slot++) {
    gates.push_back(std::make_shared<Gate>());
    EXPECT(pool.Add(std::make_unique<GateJob>(JobId{slot, 1}, gates.back())) == 0);
  }
  std::atomic<int> sum{0};
  for (uint32_t slot = 10; slot < 30; slot++) EXPECT(pool.Add(std::make_unique<AddJob>(JobId{slot, 1}, sum)) == 0);
  EXPECT(CollectAll(pool, 20).size() == 20 && sum == 20);
  for (const auto& open : gates) open->open.release();
  EXPECT(CollectAll(pool, 10).size() == 10);
  EXPECT(pool.threads() <= 2 && pool.Stop(5000) == 0);
}

// mutant: stand-ins-without-number
TEST("no more than a number of threads stand in, and what waits behind more calls than that goes on when one ends") {
  WorkerPool pool(1);
  std::vector<std::shared_ptr<Gate>> gates;
  for (uint32_t slot = 0; slot < 1 + kStandInsMax; slot++) {
    gates.push_back(std::make_shared<Gate>());
    EXPECT(pool.Add(std::make_unique<GateJob>(JobId{slot, 1}, gates.back())) == 0);
    gates.back()->entered.acquire();
  }
  std::atomic<int> sum{0};
  EXPECT(pool.Add(std::make_unique<AddJob>(JobId{100, 1}, sum)) == 0);
  std::this_thread::sleep_for(2 * kHangPatience);
  EXPECT(sum == 0);
  gates.front()->open.release();
  EXPECT(CollectAll(pool, 2).size() == 2 && sum == 1);
  for (size_t index = 1; index < gates.size(); index++) gates[index]->open.release();
  EXPECT(CollectAll(pool, kStandInsMax).size() == kStandInsMax);
  EXPECT(pool.Stop(5000) == 0);
}

}  // namespace baton::test

#endif  // BATON_TEST_WORKER_POOL_CASES_H_
