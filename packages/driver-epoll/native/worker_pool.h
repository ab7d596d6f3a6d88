// Threads for calls that may block: reads that are not in the page cache, and everything about names. Bounded, our own
// (the runtime's four threads serve DNS and cryptography too), and started only when there is work.
//
// A thread that hangs in the kernel cannot be stopped. So everything a thread touches is shared with it by count: the
// pool can be given up with threads inside, which then end whenever the kernel lets them.
#ifndef BATON_EPOLL_WORKER_POOL_H_
#define BATON_EPOLL_WORKER_POOL_H_

#include <pthread.h>
#include <sys/eventfd.h>

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
#include <utility>
#include <vector>

#include "baton/unique_fd.h"

namespace baton::epoll {

// What the submitting side knows a job by: its operation.
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

class WorkerPool {
 public:
  explicit WorkerPool(uint32_t threads_max) : threads_max_(threads_max), shared_(std::make_shared<Shared>()) {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { (void)Stop(0); }

  // Why there is no descriptor to be woken by, a negative errno; else 0. Without one nothing is to be added.
  int error() const { return shared_->error; }
  // Readable when jobs are done.
  int done_fd() const { return shared_->done_fd.get(); }
  size_t threads() const { return threads_.size(); }

  // Hands a job over. False when the pool is stopped, or there is no thread and none can be made: the job is gone then.
  [[nodiscard]] bool Add(std::unique_ptr<Job> job) {
    std::vector<std::unique_ptr<Job>> jobs;
    jobs.push_back(std::move(job));
    return AddAll(jobs);
  }

  // The same for many at once, which costs one lock. True when all were taken; else all are still there.
  [[nodiscard]] bool AddAll(std::vector<std::unique_ptr<Job>>& jobs) {
    size_t wanted;
    {
      std::lock_guard lock(shared_->mutex);
      if (shared_->stopping) return false;
      const size_t waiting = shared_->waiting.size() + jobs.size();
      wanted = waiting > shared_->idle ? waiting - shared_->idle : 0;
    }
    // Where the system gives no more threads, those that are there do the work.
    while (wanted > 0 && threads_.size() < threads_max_ && StartThread()) wanted--;
    if (threads_.empty()) return false;
    size_t wakes;
    {
      std::lock_guard lock(shared_->mutex);
      // A thread that was started just now may be waiting already.
      wakes = std::min<size_t>(jobs.size(), shared_->idle);
      for (auto& job : jobs) shared_->waiting.push_back(std::move(job));
    }
    jobs.clear();
    for (size_t wake = 0; wake < wakes; wake++) shared_->work.notify_one();
    return true;
  }

  // The jobs that are done, all at once: a burst comes back with one wake.
  std::vector<std::unique_ptr<Job>> Collect() {
    eventfd_t ignored;
    (void)eventfd_read(shared_->done_fd.get(), &ignored);
    std::lock_guard lock(shared_->mutex);
    return std::exchange(shared_->done, {});
  }

  // Takes no more jobs, lets the threads do those that wait until the deadline, and leaves threads that hang to
  // themselves. Returns how many those are.
  uint32_t Stop(uint64_t deadline_ms) {
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->work.notify_all();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms);
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
  struct Shared {
    Shared() : done_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), error(done_fd.valid() ? 0 : -errno) {}

    std::mutex mutex;
    std::condition_variable work;
    std::condition_variable ended;
    std::deque<std::unique_ptr<Job>> waiting;
    std::vector<std::unique_ptr<Job>> done;
    // Threads that wait for work, and threads that have not ended.
    uint32_t idle = 0;
    uint32_t running = 0;
    bool stopping = false;
    const UniqueFd done_fd;
    const int error;
  };

  bool StartThread() {
    auto* held = new std::shared_ptr<Shared>(shared_);
    {
      std::lock_guard lock(shared_->mutex);
      shared_->running++;
    }
    // Signals are for the program's own threads; a new thread inherits the mask.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, Main, held);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error == 0) {
      threads_.push_back(thread);
      return true;
    }
    delete held;
    std::lock_guard lock(shared_->mutex);
    shared_->running--;
    return false;
  }

  static void* Main(void* data) {
    const std::unique_ptr<std::shared_ptr<Shared>> held(static_cast<std::shared_ptr<Shared>*>(data));
    Work(**held);
    return nullptr;
  }

  static void Work(Shared& shared) {
    std::unique_lock lock(shared.mutex);
    for (;;) {
      shared.idle++;
      shared.work.wait(lock, [&shared] { return shared.stopping || !shared.waiting.empty(); });
      shared.idle--;
      if (shared.waiting.empty()) break;
      std::unique_ptr<Job> job = std::move(shared.waiting.front());
      shared.waiting.pop_front();
      if (!job->Leave(Job::State::kRunning)) continue;
      lock.unlock();
      job->result = job->Run();
      lock.lock();
      // One wake for what piles up until somebody looks.
      if (shared.done.empty()) (void)eventfd_write(shared.done_fd.get(), 1);
      shared.done.push_back(std::move(job));
    }
    shared.running--;
    shared.ended.notify_all();
  }

  const uint32_t threads_max_;
  std::vector<pthread_t> threads_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_WORKER_POOL_H_
