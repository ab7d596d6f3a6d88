// Threads for calls that may block and that nothing else makes for a driver: what a kernel has no entry of a ring for,
// reads that are not in the page cache, everything about names. Bounded, our own (the runtime's four threads serve DNS
// and cryptography too), and started only when there is work.
//
// A thread that hangs in the kernel cannot be stopped. So everything a thread touches is shared with it by count: the
// pool can be given up with threads inside, which then end whenever the kernel lets them. And while all of them are in
// calls that do not end, others stand in for them, up to a number: a file system that does not answer shall not keep
// the work on others from going on.
#ifndef BATON_WORKER_POOL_H_
#define BATON_WORKER_POOL_H_

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "baton/unique_fd.h"

namespace baton {

// By what the submitting side knows a job: its operation.
struct JobId {
  uint32_t slot;
  uint32_t generation;
};

// One call for a thread to make. It belongs to the pool from `Add` to `Collect`.
class Job {
 public:
  explicit Job(JobId job_id) : id(job_id) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;

  // Runs on a thread; the result, or a negative errno.
  virtual int64_t Run() = 0;

  // Takes the job back before a thread has begun it. False when one has: then it runs to its end.
  bool Withdraw() { return Leave(State::kWithdrawn); }

  const JobId id;
  int64_t result = 0;

 private:
  friend class WorkerPool;
  enum class State : uint8_t { kWaiting, kRunning, kWithdrawn };

  bool Leave(State next) {
    State expected = State::kWaiting;
    return state_.compare_exchange_strong(expected, next, std::memory_order_acq_rel);
  }

  std::atomic<State> state_{State::kWaiting};
};

// A call that answers 0 or a negative errno and leaves nothing else behind.
template <typename Call>
class CallJob final : public Job {
 public:
  CallJob(JobId job_id, Call call) : Job(job_id), call_(std::move(call)) {}
  int64_t Run() override { return call_(); }

 private:
  Call call_;
};

template <typename Call>
std::unique_ptr<Job> MakeCallJob(JobId id, Call call) {
  return std::make_unique<CallJob<Call>>(id, std::move(call));
}

// Threads beyond the limit that stand in for those whose calls hang.
inline constexpr uint32_t kStandInsMax = 64;
// Calls count as hanging when jobs wait and no thread has begun one for this long; half of it for each further
// stand-in.
inline constexpr std::chrono::milliseconds kHangPatience{100};

class WorkerPool {
 public:
  explicit WorkerPool(uint32_t threads_max) : threads_max_(threads_max), shared_(std::make_shared<Shared>()) {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { (void)Stop(0); }

  // Why there is no descriptor to be woken by, a negative errno; else 0. Without one nothing is to be added.
  int error() const { return shared_->error; }
  // Readable when jobs are done.
  int done_fd() const { return shared_->wake.read.get(); }
  size_t threads() const { return threads_.size(); }

  // Hands a job over; 0, or why it is not taken and gone: see `AddAll`.
  [[nodiscard]] int Add(std::unique_ptr<Job> job) {
    std::vector<std::unique_ptr<Job>> jobs;
    jobs.push_back(std::move(job));
    return AddAll(jobs);
  }

  // The same for many at once, which costs one lock. 0 when all were taken; else all are still there: the pool is
  // stopped (-ECANCELED), or there is no thread and none can be made: for a while that is worth asking again (-EAGAIN),
  // then it is an answer (-ENOMEM).
  [[nodiscard]] int AddAll(std::vector<std::unique_ptr<Job>>& jobs) {
    size_t wanted;
    {
      std::lock_guard lock(shared_->mutex);
      if (shared_->stopping) return -ECANCELED;
      const size_t waiting = shared_->waiting.size() + jobs.size();
      wanted = waiting > shared_->idle ? waiting - shared_->idle : 0;
    }
    // Where the system gives no more threads, those that are there do the work.
    while (wanted > 0 && threads_.size() < threads_max_ && StartThread()) wanted--;
    if (threads_.empty()) return RefuseForNow();
    refused_since_.reset();
    size_t wakes;
    bool is_short;
    {
      std::lock_guard lock(shared_->mutex);
      // A thread that was started just now may be waiting already.
      wakes = std::min<size_t>(jobs.size(), shared_->idle);
      for (auto& job : jobs) shared_->waiting.push_back(std::move(job));
      is_short = shared_->NeedsStandIn();
    }
    jobs.clear();
    if (is_short) StandIn(shared_);
    for (size_t wake = 0; wake < wakes; wake++) shared_->work.notify_one();
    return 0;
  }

  // The jobs that are done, all at once: a burst comes back with one wake.
  std::vector<std::unique_ptr<Job>> Collect() {
    // At most one byte for each time that nothing was done yet.
    char ignored[16];
    while (read(shared_->wake.read.get(), ignored, sizeof(ignored)) == sizeof(ignored)) {
    }
    std::lock_guard lock(shared_->mutex);
    return std::exchange(shared_->done, {});
  }

  // Takes no more jobs, lets the threads do those that wait until the deadline, and leaves threads that hang to
  // themselves. Returns how many those are.
  uint32_t Stop(uint64_t deadline_ms) {
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->work.notify_all();
    shared_->watching.notify_all();
    const auto end = Clock::now() + std::chrono::milliseconds(deadline_ms);
    shared_->ended.wait_until(lock, end, [this] { return shared_->running == 0; });
    const uint32_t hanging = shared_->running;
    // What nobody has begun by now, nobody shall begin later.
    shared_->waiting.clear();
    lock.unlock();
    for (const pthread_t thread : threads_) {
      // With one that hangs nobody can tell which it is; each holds what it needs by itself.
      if (hanging == 0) {
        pthread_join(thread, nullptr);
      } else {
        pthread_detach(thread);
      }
    }
    threads_.clear();
    return hanging;
  }

 private:
  using Clock = std::chrono::steady_clock;
  // How long jobs that want a thread are refused with EAGAIN when there is none.
  static constexpr std::chrono::seconds kNoThreadPatience{1};

  // How long a stand-in that has nothing to do stays.
  static constexpr std::chrono::seconds kStandInIdle{1};

  // Bytes that tell that jobs are done.
  struct Wake {
    UniqueFd read;
    UniqueFd write;
  };

  struct Shared {
    // More jobs wait than there are threads, and nobody watches whether they are begun.
    bool NeedsStandIn() const { return !stopping && !is_watched && waiting.size() > idle && stand_ins < kStandInsMax; }

    Shared() : wake(OpenWake()), error(wake.write.valid() ? 0 : -errno) {}

    // A pipe and no eventfd: a ring that tells of its completions by an eventfd is not told, by the kernel, of what
    // happens inside of a write to another one (Linux 6.18).
    static Wake OpenWake() {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {};
      return {UniqueFd(ends[0]), UniqueFd(ends[1])};
    }

    std::mutex mutex;
    std::condition_variable work;
    // What the stand-in waits on that watches.
    std::condition_variable watching;
    std::condition_variable ended;
    std::deque<std::unique_ptr<Job>> waiting;
    std::vector<std::unique_ptr<Job>> done;
    // Threads that wait for work, and threads that have not ended.
    uint32_t idle = 0;
    uint32_t running = 0;
    // Of those that have not ended.
    uint32_t stand_ins = 0;
    // One of them watches whether jobs are begun.
    bool is_watched = false;
    // Jobs that were begun, and how long none may be before calls are taken to hang.
    uint64_t begun = 0;
    std::chrono::microseconds patience = kHangPatience;
    bool stopping = false;
    const Wake wake;
    const int error;
  };

  int RefuseForNow() {
    const Clock::time_point now = Clock::now();
    if (!refused_since_.has_value()) refused_since_ = now;
    return now - *refused_since_ > kNoThreadPatience ? -ENOMEM : -EAGAIN;
  }

  using Held = std::shared_ptr<Shared>;
  using Main = void* (*)(void*);

  // A thread that counts as running from here on; false when the system makes none.
  static bool Start(const Held& shared, Main main, pthread_t* thread) {
    auto* held = new Held(shared);
    {
      std::lock_guard lock(shared->mutex);
      shared->running++;
    }
    // Signals are for the program's own threads; a new thread inherits the mask.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(thread, nullptr, main, held);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error == 0) return true;
    delete held;
    std::lock_guard lock(shared->mutex);
    shared->running--;
    return false;
  }

  bool StartThread() {
    pthread_t thread;
    if (!Start(shared_, Work, &thread)) return false;
    threads_.push_back(thread);
    return true;
  }

  static void* Work(void* data) {
    const std::unique_ptr<Held> held(static_cast<Held*>(data));
    Shared& shared = **held;
    std::unique_lock lock(shared.mutex);
    for (;;) {
      shared.idle++;
      shared.work.wait(lock, [&shared] { return shared.stopping || !shared.waiting.empty(); });
      shared.idle--;
      if (shared.waiting.empty()) break;
      RunNext(shared, lock);
    }
    shared.running--;
    shared.ended.notify_all();
    return nullptr;
  }

  // Takes the next of what waits; the lock is not held while it runs.
  static void RunNext(Shared& shared, std::unique_lock<std::mutex>& lock) {
    std::unique_ptr<Job> job = std::move(shared.waiting.front());
    shared.waiting.pop_front();
    shared.begun++;
    if (!job->Leave(Job::State::kRunning)) return;
    lock.unlock();
    job->result = job->Run();
    lock.lock();
    // One wake for what piles up until somebody looks.
    if (shared.done.empty()) (void)!write(shared.wake.write.get(), "", 1);
    shared.done.push_back(std::move(job));
  }

  // --- stand-ins --------------------------------------------------------------------------------------------------

  // Starts one. Where the system makes no more threads it must do without.
  static void StandIn(const Held& shared) {
    {
      std::lock_guard lock(shared->mutex);
      if (!shared->NeedsStandIn()) return;
      shared->is_watched = true;
      shared->stand_ins++;
    }
    pthread_t thread;
    if (Start(shared, WorkInStead, &thread)) {
      // It may end at any time.
      pthread_detach(thread);
      return;
    }
    std::lock_guard lock(shared->mutex);
    shared->is_watched = false;
    shared->stand_ins--;
  }

  static void* WorkInStead(void* data) {
    const std::unique_ptr<Held> held(static_cast<Held*>(data));
    Shared& shared = **held;
    std::unique_lock lock(shared.mutex);
    const bool is_needed = Watch(shared, lock);
    shared.is_watched = false;
    if (is_needed) {
      shared.patience = std::max(shared.patience / 2, std::chrono::microseconds{1000});
      // The next one watches, because this one may hang as well.
      lock.unlock();
      StandIn(*held);
      lock.lock();
      while (!shared.stopping && HasWork(shared, lock)) RunNext(shared, lock);
    } else {
      shared.patience = kHangPatience;
    }
    shared.stand_ins--;
    shared.running--;
    shared.ended.notify_all();
    return nullptr;
  }

  // Waits until no job was begun in a while although jobs wait; false when there is no more to watch.
  static bool Watch(Shared& shared, std::unique_lock<std::mutex>& lock) {
    for (;;) {
      const uint64_t begun = shared.begun;
      shared.watching.wait_for(lock, shared.patience, [&shared] { return shared.stopping; });
      if (shared.stopping || shared.waiting.empty()) return false;
      if (shared.begun == begun) return true;
    }
  }

  // Waits for work, and not for long.
  static bool HasWork(Shared& shared, std::unique_lock<std::mutex>& lock) {
    shared.idle++;
    shared.work.wait_for(lock, kStandInIdle, [&shared] { return shared.stopping || !shared.waiting.empty(); });
    shared.idle--;
    return !shared.waiting.empty();
  }

  const uint32_t threads_max_;
  std::vector<pthread_t> threads_;
  // Since when no thread could be made.
  std::optional<Clock::time_point> refused_since_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace baton

#endif  // BATON_WORKER_POOL_H_
