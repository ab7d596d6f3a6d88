// How operations, handles and the session end.
#include <chrono>
#include <utility>

#include "baton/chain_rules.h"
#include "engine.h"

namespace baton::epoll {

// --- operations -----------------------------------------------------------------------------------------------------

void Engine::Complete(uint32_t slot, int32_t result, uint32_t flags) {
  const Op& op = ops_[slot];
  ready_.push_back({slot, op.generation, result, flags});
  const bool well = !chains_.empty() && EndedWell(op, shared_.record(slot), result);
  Leave(slot);
  if (!chains_.empty()) EndInChain(slot, well);
}

void Engine::CompleteMore(uint32_t slot, int32_t result, uint32_t flags) {
  ready_.push_back({slot, ops_[slot].generation, result, flags | kCompletionMore});
}

void Engine::Answer(uint32_t slot, const SubmissionRecord& record, int32_t result, uint32_t flags) {
  ready_.push_back({slot, record.generation, result, flags});
  // Nothing that moves bytes ends well without having been in flight.
  if (!chains_.empty()) EndInChain(slot, result >= 0);
}

// Takes an operation out of everything it stands in.
void Engine::Leave(uint32_t slot) {
  Op& op = ops_[slot];
  if (op.link.side != Side::kNone) Unqueue(slot);
  if (op.has_timer) timers_.Remove(TimerNumber(slot, TimerKind::kDeadline), op.deadline_ns);
  if (op.has_retry) timers_.Remove(TimerNumber(slot, TimerKind::kRetry), op.retry_ns);
  op.has_timer = false;
  op.has_retry = false;
  GiveBack(op);
  op.active = false;
  in_flight_--;
  if (op.opcode == Opcode::kClose) return;
  const int32_t second = op.second_handle;
  if (op.handle >= 0) LetGo(op.handle);
  if (second >= 0) LetGo(second);
}

// Gives up its count on memory.
void Engine::GiveBack(Op& op) {
  if (op.slab != nullptr) std::exchange(op.slab, nullptr)->Unref();
  if (op.vector != nullptr) {
    op.vector->Clear();
    vectors_.Give(std::exchange(op.vector, nullptr));
  }
  if (op.message != nullptr) {
    op.message->Clear();
    messages_.Give(std::exchange(op.message, nullptr));
  }
}

uint32_t Engine::Collect() {
  CompletionRecord* out = shared_.completions();
  const uint32_t max = shared_.limits().completion_batch_max;
  uint32_t count = 0;
  while (count < max && !ready_.empty()) {
    out[count++] = ready_.front();
    ready_.pop_front();
  }
  shared_.control(kControlCompletionCount) = count;
  shared_.control(kControlCompletionsWaiting) = ready_.empty() ? 0 : 1;
  return count;
}

// --- handles --------------------------------------------------------------------------------------------------------

uint32_t Engine::AdoptFd(int fd, const HandleState& state, int32_t* result) {
  // Nobody takes one that comes while the session ends.
  if (stopping_) {
    close(fd);
    *result = -ECANCELED;
    return 0;
  }
  const HandleId id = handles_.Add(fd, state);
  *result = id.index;
  return id.generation << kAuxiliaryShift;
}

// An operation on the handle has ended.
void Engine::LetGo(int32_t handle) {
  Handles::Cell& cell = handles_.At(handle);
  if (--cell.users == 0 && cell.state.close_slot != kNoSlot) ReleaseHandle(handle);
}

void Engine::ReleaseHandle(int32_t handle) {
  Handles::Cell& cell = handles_.At(handle);
  const uint32_t slot = cell.state.close_slot;
  const int fd = cell.fd;
  // Closing what has a name can block: on a network file system, on a frozen one when the name is gone, at a terminal
  // until its output is out. An answer is reported once and never retried.
  const bool may_block = cell.state.named;
  if (cell.state.registered) poller_->Remove(fd);
  handles_.Recycle(handle);
  if (may_block) {
    return Hand(slot, MakeCallJob(IdOf(slot), [fd]() -> int64_t { return close(fd) == 0 ? 0 : -errno; }));
  }
  Complete(slot, close(fd) == 0 ? 0 : -errno);
}

// --- the session ----------------------------------------------------------------------------------------------------

uint64_t Engine::quarantined_bytes() const {
  uint64_t bytes = 0;
  for (uint32_t slot = 0; slot < slots_used_; slot++) {
    const Op& op = ops_[slot];
    if (!op.active) continue;
    if (op.slab != nullptr) bytes += shared_.record(slot).length;
    if (op.vector != nullptr) bytes += op.vector->bytes();
    if (op.message != nullptr) bytes += op.message->bytes();
  }
  return bytes;
}

void Engine::BeginShutdown() {
  if (std::exchange(stopping_, true)) return;
  for (uint32_t slot = 0; slot < slots_used_; slot++) {
    if (ops_[slot].active) (void)CancelNow(slot);
  }
}

uint32_t Engine::Shutdown(uint64_t deadline_ms) {
  BeginShutdown();
  CloseUnused();
  FlushJobs();
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(deadline_ms);
  uint32_t hanging = workers_.Stop(deadline_ms);
  for (const auto& job : workers_.Collect()) OnJobDone(*job);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  hanging += CloseLast(left < 0 ? 0 : static_cast<uint64_t>(left));
  ready_.clear();
  return hanging == 0 ? 0 : in_flight_;
}

// Closes what threads were using until now, on a thread of its own, because that can block. Returns how many hang.
uint32_t Engine::CloseLast(uint64_t deadline_ms) {
  CloseUnused();
  if (handed_.empty()) return 0;
  WorkerPool last(1);
  // Without a thread there is nobody else to do it.
  if (last.AddAll(handed_) < 0) {
    for (const auto& job : std::exchange(handed_, {})) {
      job->result = job->Run();
      OnJobDone(*job);
    }
    return 0;
  }
  const uint32_t hanging = last.Stop(deadline_ms);
  for (const auto& job : last.Collect()) OnJobDone(*job);
  return hanging;
}

// Closes every descriptor that nobody uses: files on the threads, because that can block. One that a thread uses stays
// open: its number could be somebody else's by the time the thread comes to its call.
void Engine::CloseUnused() {
  std::vector<int32_t> unused;
  handles_.ForEachOpen([&unused](int32_t handle, Handles::Cell& cell) {
    if (cell.users == 0) unused.push_back(handle);
  });
  for (const int32_t handle : unused) {
    Handles::Cell& cell = handles_.At(handle);
    const int fd = cell.fd;
    if (!cell.state.named) {
      close(fd);
    } else {
      handed_.push_back(MakeCallJob({kNoSlot, 0}, [fd]() -> int64_t { return close(fd) == 0 ? 0 : -errno; }));
    }
    handles_.Close(handle);
    handles_.Recycle(handle);
  }
}

}  // namespace baton::epoll
