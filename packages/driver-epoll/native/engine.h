// The engine: submission records in, completion records out, over readiness and threads. Each operation is tried at
// once, without blocking; what says "not yet" waits for its descriptor, what would block goes to a worker thread. It
// knows nothing of JavaScript and lives on one thread.
#ifndef BATON_EPOLL_ENGINE_H_
#define BATON_EPOLL_ENGINE_H_

#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attempt.h"
#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/fork_guard.h"
#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"
#include "baton/socket_calls.h"
#include "baton/stat_answer.h"
#include "fd_queue.h"
#include "jobs.h"
#include "poller.h"
#include "timer_queue.h"
#include "worker_pool.h"

namespace baton::epoll {

// In a poller's token: the index is the slot of a connect, whose descriptor has no handle yet.
inline constexpr uint32_t kConnectToken = 1U << 30;
static_assert(kSlotCountMax <= kConnectToken);

struct EngineOptions {
  uint32_t threads_max = 4;
};

// Native state of one operation in flight, by slot.
struct Op {
  uint32_t generation;
  Opcode opcode;
  bool active;
  bool multishot;
  QueueLink link;
  int32_t handle;
  // The socket that is being connected, else -1.
  int fd;
  // Keeps the memory of the buffer until the final completion.
  Slab* slab;
  // Bytes that were moved before the rest was handed to a thread.
  uint32_t moved;
  // With a worker thread, else null. The pool owns it.
  Job* job;
  int64_t deadline_ns;
};

// What is known of a descriptor beside its number.
struct HandleState {
  enum class Kind : uint8_t { kFile, kSocket, kListener };

  Kind kind = Kind::kFile;
  // Can be waited for: everything but regular files and directories.
  bool pollable = false;
  bool registered = false;
  // The file system cannot say "would block": its transfers always go to a thread.
  bool no_nowait = false;
  FdQueue reads;
  FdQueue writes;
  // Somebody has closed it; the operation to complete when the last user has left.
  uint32_t close_slot = kNoSlot;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Create(SharedMemory shared, const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  SharedMemory& shared() { return shared_; }
  BufferTable& buffers() { return buffers_; }
  int pollable_fd() const { return poller_->fd(); }
  uint32_t in_flight() const { return in_flight_; }
  // There is no queue of the kernel's that could refuse something.
  bool has_unsubmitted() const { return false; }
  bool is_forked() const { return fork_guard_.IsForked(); }
  // Bytes of buffers that operations in flight may still touch.
  uint64_t quarantined_bytes() const;

  // Takes `count` submissions and leaves what completed at once in the shared memory. Returns how many it took: all.
  uint32_t Submit(uint32_t count);
  // Fills the shared memory with completions that are ready; returns how many.
  uint32_t Reap();
  // Ends the session: cancels what waits, waits for the threads until the deadline. Returns how many operations are
  // unconfirmed: threads hang in the kernel with their memory, so the caller must keep this engine for ever.
  uint32_t Shutdown(uint64_t deadline_ms);

 private:
  using Handles = HandleTable<HandleState>;

  struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
  };

  // The engine's own descriptors in the poller.
  enum OwnFd : uint32_t { kWorkers, kTimers };

  Engine(SharedMemory shared, std::unique_ptr<Poller> poller, const EngineOptions& options);

  // --- starting (engine_start.cc) ---------------------------------------------------------------------------------

  void Start(uint32_t slot);
  void StartOnHandle(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  void StartTransfer(uint32_t slot, const SubmissionRecord& record, HandleState& state, int fd);
  void StartClose(uint32_t slot, const SubmissionRecord& record);
  void StartConnect(uint32_t slot, const SubmissionRecord& record);
  void StartCancel(uint32_t slot, const SubmissionRecord& record);
  void StartListen(uint32_t slot, const SubmissionRecord& record);
  void StartOpen(uint32_t slot, const SubmissionRecord& record);
  void StartStat(uint32_t slot, const SubmissionRecord& record, int fd);
  void StartTimer(uint32_t slot, const SubmissionRecord& record);
  Op& Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  uint8_t* LendMemory(Op& op, const SubmissionRecord& record);
  std::string PathOf(const SubmissionRecord& record) const;

  // --- waiting and attempting (engine_events.cc) ------------------------------------------------------------------

  // Tries the operation once; true when it has ended, or is a multishot operation that goes on.
  bool Attempt(uint32_t slot, int fd);
  bool AttemptMultishotAccept(uint32_t slot, int fd);
  int64_t AttemptPicked(const SubmissionRecord& record, int fd, uint32_t* flags);
  // Puts it into the queue of its descriptor, which is registered when it is the first.
  void Wait(uint32_t slot, int32_t handle, Side side);
  // The descriptor may be ready: tries what waits there, in order, until one says "not yet".
  void Drain(int32_t handle, Side side);
  void OnEvent(const epoll_event& event);
  void OnConnectEvent(uint32_t slot);
  void Hand(uint32_t slot, std::unique_ptr<Job> job);
  void OnJobDone(Job& job);
  // Ends an operation early with what has happened so far; false when it cannot be stopped any more.
  bool CancelNow(uint32_t slot);
  JobId IdOf(uint32_t slot) const { return {slot, ops_[slot].generation}; }
  void TakeProvided();
  uint32_t Collect();

  // --- ending (engine_events.cc) ----------------------------------------------------------------------------------

  // The final completion of an operation in flight.
  void Complete(uint32_t slot, int32_t result, uint32_t flags = 0);
  // A completion with more to come.
  void CompleteMore(uint32_t slot, int32_t result, uint32_t flags);
  // Completes an operation that never was in flight.
  void Answer(uint32_t slot, const SubmissionRecord& record, int32_t result, uint32_t flags = 0);
  uint32_t AdoptFd(int fd, HandleState::Kind kind, bool pollable, int32_t* result);
  void Leave(uint32_t slot);
  void ReleaseHandle(int32_t handle);
  FdQueue& QueueOf(HandleState& state, Side side) { return side == Side::kRead ? state.reads : state.writes; }

  SharedMemory shared_;
  BufferTable buffers_;
  const std::unique_ptr<Poller> poller_;
  TimerQueue timers_;
  WorkerPool workers_;
  ForkGuard fork_guard_;
  std::unique_ptr<Op[], FreeDeleter> ops_;
  Handles handles_;
  // Numbers of buffers to pick from, and completions that wait to be told.
  std::vector<uint32_t> provided_;
  std::deque<CompletionRecord> ready_;
  uint32_t in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_ENGINE_H_
