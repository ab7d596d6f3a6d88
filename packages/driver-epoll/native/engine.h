// The engine: submission records in, completion records out, over readiness and threads. Each operation is tried at
// once, without blocking; what says "not yet" waits for its descriptor, what would block goes to a worker thread. It
// knows nothing of JavaScript and lives on one thread.
#ifndef BATON_EPOLL_ENGINE_H_
#define BATON_EPOLL_ENGINE_H_

#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "attempt.h"
#include "baton/buffer_table.h"
#include "baton/chain_rules.h"
#include "baton/check.h"
#include "baton/file_jobs.h"
#include "baton/fork_guard.h"
#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"
#include "baton/worker_pool.h"
#include "chains.h"
#include "jobs.h"
#include "op.h"
#include "poller.h"
#include "timers.h"

namespace baton::epoll {

// In a poller's token: the index is the slot of a connect, whose descriptor has no handle yet.
inline constexpr uint32_t kConnectToken = 1U << 30;
static_assert(kSlotCountMax <= kConnectToken);

struct EngineOptions {
  uint32_t threads_max = 4;
};

// What an engine has done, for tests.
struct EngineCounters {
  // Reads of files that were told not to wait, and file systems that could not be told.
  uint64_t nowait_attempts = 0;
  uint64_t nowait_refusals = 0;
  uint64_t jobs = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Create(SharedMemory shared, const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  SharedMemory& shared() { return shared_; }
  BufferTable& buffers() { return buffers_; }
  const EngineCounters& counters() const { return counters_; }
  int pollable_fd() const { return poller_->fd(); }
  uint32_t in_flight() const { return in_flight_; }
  // There is more to do at once than one turn should do; nothing will announce it.
  bool has_unsubmitted() const { return !again_.empty(); }
  bool is_forked() const { return fork_guard_.IsForked(); }
  // Bytes of buffers that operations in flight may still touch.
  uint64_t quarantined_bytes() const;

  // Takes `count` submissions and leaves what completed at once in the shared memory. Returns how many it took: all.
  uint32_t Submit(uint32_t count);
  // Fills the shared memory with completions that are ready; returns how many.
  uint32_t Reap();
  // The session ends: nothing new begins, and what waits is canceled. `Shutdown` waits for the threads.
  void BeginShutdown();
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

  // What a number in the timer queue is: a slot, and which of its two timers.
  enum class TimerKind : uint32_t { kDeadline, kRetry };
  static uint32_t TimerNumber(uint32_t slot, TimerKind kind) { return slot << 1 | static_cast<uint32_t>(kind); }

  // A buffer that a receive may take, and how much of it may be filled.
  struct Provided {
    uint32_t number;
    size_t bytes;
  };

  // A queue that has more to do than one turn should.
  struct Again {
    int32_t handle;
    uint32_t generation;
    Side side;
  };

  Engine(SharedMemory shared, std::unique_ptr<Poller> poller, const EngineOptions& options);

  // --- starting (engine_start.cc) ---------------------------------------------------------------------------------

  void Start(uint32_t slot);
  void Dispatch(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  void StartOnHandle(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  void StartAdopt(uint32_t slot, const SubmissionRecord& record);
  void StartClose(uint32_t slot, const SubmissionRecord& record);
  void StartCancel(uint32_t slot, const SubmissionRecord& record);
  void StartTimer(uint32_t slot, const SubmissionRecord& record);
  void ArmTimeout(uint32_t slot, const SubmissionRecord& record);
  Op& Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  // The cell of a handle that an operation names; null when it is closed, unless a chain has held it for the operation.
  Handles::Cell* FindHandle(int32_t index, uint32_t generation);
  // The operation uses the record's handle, which must be open.
  void UseHandle(Op& op, const SubmissionRecord& record);
  void LendMemory(Op& op, const SubmissionRecord& record);
  void LendVector(Op& op, const SubmissionRecord& record);
  // Lends whatever memory the operation names. 0, or a negative errno with nothing lent.
  [[nodiscard]] int Lend(Op& op, const SubmissionRecord& record);
  [[nodiscard]] int LendMessage(Op& op, const SubmissionRecord& record);

  // --- chains (engine_chains.cc) ----------------------------------------------------------------------------------

  uint32_t StartChain(uint32_t first, uint32_t count);
  bool IsFree(uint32_t slot) const { return slot < shared_.limits().slots && !ops_[slot].active; }
  void Hold(uint32_t slot, HeldHandles handles);
  void StartHeld(uint32_t slot);
  void RunChains();
  void EndInChain(uint32_t slot, bool well);

  // --- files (engine_files.cc) ------------------------------------------------------------------------------------

  void StartTransfer(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  void StartFileTransfer(uint32_t slot, const SubmissionRecord& record, const HandleState& state, int fd);
  void StartOpen(uint32_t slot, const SubmissionRecord& record);
  void ResumeOpen(uint32_t slot, const SubmissionRecord& record);
  void OnOpened(uint32_t slot, OpenJob& open);
  void StartStat(uint32_t slot, const SubmissionRecord& record, int fd);
  void StartOnFile(uint32_t slot, const SubmissionRecord& record, Opcode opcode, int fd);
  void StartOnPaths(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  std::string PathOf(const SubmissionRecord& record) const;

  // --- sockets (engine_sockets.cc) --------------------------------------------------------------------------------

  void StartListen(uint32_t slot, const SubmissionRecord& record);
  void StartDatagram(uint32_t slot, const SubmissionRecord& record);
  bool StartBind(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  void StartConnect(uint32_t slot, const SubmissionRecord& record);
  void TryConnect(uint32_t slot);
  void OnConnectEvent(uint32_t slot);
  void StartOnSocket(uint32_t slot, const SubmissionRecord& record, Opcode opcode);
  int64_t AttemptProvided(const SubmissionRecord& record, int fd, uint32_t* flags);
  bool AttemptMultishotAccept(uint32_t slot, int fd);
  bool AttemptMultishotReceive(uint32_t slot, int fd);

  // --- pipes and splices (engine_splice.cc) -----------------------------------------------------------------------

  void StartPipe(uint32_t slot, const SubmissionRecord& record);
  void StartSplice(uint32_t slot, const SubmissionRecord& record);
  bool AttemptSplice(uint32_t slot);
  bool WaitForSplice(uint32_t slot, int32_t handle, Side side);

  // --- waiting and attempting (engine_events.cc) ------------------------------------------------------------------

  // Tries the operation once; true when it no longer waits where it stood, false when it has to wait (on).
  bool Attempt(uint32_t slot);
  // Puts it into a queue of the descriptor, which is registered when it is the first.
  void Wait(uint32_t slot, int32_t handle, Side side);
  // Takes it out of the queue it stands in.
  void Unqueue(uint32_t slot);
  // The descriptor may be ready: tries what waits there, in order, until one says "not yet".
  void Drain(int32_t handle, Side side);
  // Tries each of those that wait for any event: none takes anything from another.
  void DrainPolls(int32_t handle);
  void DrainAgain();
  void OnEvent(const epoll_event& event);
  void OnTimer(uint32_t number);
  // Tries it again after a pause that grows.
  void RetryLater(uint32_t slot);
  void Hand(uint32_t slot, std::unique_ptr<Job> job);
  // Starts what has become due meanwhile: members of chains, and jobs.
  void Settle();
  void FlushJobs();
  void OnJobDone(Job& job);
  // Ends an operation early with what has happened so far; false when it cannot be stopped any more.
  bool CancelNow(uint32_t slot, uint32_t flags = 0);
  void TakeProvided();
  uint32_t Collect();

  // --- ending (engine_endings.cc) ---------------------------------------------------------------------------------

  // The final completion of an operation in flight.
  void Complete(uint32_t slot, int32_t result, uint32_t flags = 0);
  // A completion with more to come.
  void CompleteMore(uint32_t slot, int32_t result, uint32_t flags);
  // Completes an operation that never was in flight.
  void Answer(uint32_t slot, const SubmissionRecord& record, int32_t result, uint32_t flags = 0);
  // A descriptor becomes a handle: `result` is its number or an errno, the return value the flags word.
  uint32_t AdoptFd(int fd, const HandleState& state, int32_t* result);
  void Leave(uint32_t slot);
  void LetGo(int32_t handle);
  void GiveBack(Op& op);
  void ReleaseHandle(int32_t handle);
  void CloseUnused();
  uint32_t CloseLast(uint64_t deadline_ms);

  JobId IdOf(uint32_t slot) const { return {slot, ops_[slot].generation}; }
  FdQueue& QueueOf(HandleState& state, Side side) {
    return side == Side::kRead ? state.reads : side == Side::kWrite ? state.writes : state.polls;
  }

  SharedMemory shared_;
  BufferTable buffers_;
  FreeList<BufferVector> vectors_;
  FreeList<Message> messages_;
  const std::unique_ptr<Poller> poller_;
  Timers timers_;
  WorkerPool workers_;
  ForkGuard fork_guard_;
  std::unique_ptr<Op[], FreeDeleter> ops_;
  Handles handles_;
  Chains chains_;
  // The member of a chain that is being started: its memory is lent already. Else null.
  Op* starting_ = nullptr;
  // File systems that cannot say "would block", by device. Their reads always go to a thread.
  std::unordered_set<dev_t> without_nowait_;
  // Jobs that go to the threads together.
  std::vector<std::unique_ptr<Job>> handed_;
  // Buffers that it was provided with, and completions that wait to be told.
  std::vector<Provided> provided_;
  std::deque<CompletionRecord> ready_;
  std::vector<Again> again_;
  EngineCounters counters_;
  uint32_t in_flight_ = 0;
  // Slots from here on were never used: the pages of their operations were never touched, and shall not be.
  uint32_t slots_used_ = 0;
  bool stopping_ = false;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_ENGINE_H_
