// The engine: submission records in, completion records out, every operation an entry of the ring where the kernel has
// one. It knows nothing of JavaScript and lives on one thread. `Port` is the ring, or in tests a ring that fails on
// purpose.
#ifndef BATON_URING_ENGINE_H_
#define BATON_URING_ENGINE_H_

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/chain_rules.h"
#include "baton/check.h"
#include "baton/fork_guard.h"
#include "baton/opcode.gen.h"
#include "baton/record_check.h"
#include "baton/shared_memory.h"
#include "finish.h"
#include "handover.h"
#include "op.h"
#include "registered_buffers.h"
#include "ring.h"
#include "starter.h"
#include "state.h"
#include "timers.h"
#include "uring_features.h"
#include "user_data.h"

namespace baton::uring {

struct EngineOptions {
  // Sends of so many bytes and more go without a copy where the kernel can; 0: none.
  uint32_t zero_copy_min_bytes = 0;
  // Pool memory is made known to the kernel as it is allocated.
  bool register_buffers = false;
};

template <typename Port>
class Engine {
 public:
  // -ENOMEM when there is no memory for the operations.
  static Result<std::unique_ptr<Engine>> Create(std::unique_ptr<Port> port, SharedMemory shared,
                                                const Features& features, const EngineOptions& options = {}) {
    auto engine = std::unique_ptr<Engine>(new Engine(std::move(port), std::move(shared), features, options));
    if (!engine->state_.operations.valid()) return Result<std::unique_ptr<Engine>>::Error(-ENOMEM);
    return engine;
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Port& port() { return handover_.port(); }
  SharedMemory& shared() { return state_.shared; }
  BufferTable& buffers() { return state_.buffers; }
  const Features& features() const { return state_.features; }
  int pollable_fd() const { return handover_.port().pollable_fd(); }
  uint32_t in_flight() const { return state_.operations.in_flight(); }
  // The kernel refused to take what is prepared; it must be tried again soon.
  bool has_unsubmitted() const { return handover_.has_unsubmitted() || HasWaiting(); }
  bool is_forked() const { return fork_guard_.IsForked(); }
  // Completions that were of no operation in flight, and were passed over.
  uint64_t unknown_completions() const { return unknown_completions_; }
  // Bytes of buffers that operations in flight may still touch.
  uint64_t quarantined_bytes() const { return state_.operations.TouchableBytes(state_.shared); }

  // Takes `count` submissions and leaves what completed at once in the shared memory. Returns how many it took.
  uint32_t Submit(uint32_t count) {
    TakeProvided();
    uint32_t taken = 0;
    while (taken < count) {
      const uint32_t slot = state_.shared.submission(taken);
      if (!state_.operations.IsFree(slot)) [[unlikely]] {
        // There is nobody to answer.
        state_.shared.control(kControlPassedOver)++;
        taken++;
      } else if (state_.shared.record(slot).Has(kSubmitLink)) [[unlikely]] {
        const std::vector<uint32_t> chain = ChainAt(
            state_.shared, taken, count, [this](uint32_t free_slot) { return state_.operations.IsFree(free_slot); });
        if (!starter_.StartChain(chain)) break;
        taken += static_cast<uint32_t>(chain.size());
      } else {
        if (!starter_.Start(slot)) break;
        taken++;
      }
    }
    BeginCalls();
    timers_.Arm(writer_);
    handover_.Flush();
    Collect();
    return taken;
  }

  // Fills the shared memory with completions that are ready; returns how many.
  uint32_t Reap() {
    port().ClearWake();
    if (handover_.has_unsubmitted()) handover_.Flush();
    return Collect();
  }

  // The session ends: nothing new begins, and everything is asked to end. `Shutdown` waits for it.
  void BeginShutdown() {
    if (state_.stopping) return;
    state_.stopping = true;
    starter_.Stop();
    calls_.CancelAll();
    timers_.CancelAll();
    EndZeroCopies(state_, endings_);
    CancelAll();
    handover_.Flush();
  }

  // Ends the session: cancels everything and reaps until nothing is in flight or the deadline has passed. Returns how
  // many operations are unconfirmed: the kernel may write to their memory at any time, so the caller must then keep
  // this engine, and everything it holds, for ever. Source: io_uring_queue_exit(3) does not wait for block I/O.
  uint32_t Shutdown(uint64_t deadline_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(deadline_ms);
    BeginShutdown();
    while (in_flight() > 0) {
      CancelAll();
      BeginCalls();
      handover_.Flush();
      Collect();
      // A close that waited for the last of its handle's operations.
      starter_.Stop();
      if (in_flight() == 0) break;
      const auto left = end - Clock::now();
      if (left <= Clock::duration::zero()) break;
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      const int error = port().Wait(static_cast<uint64_t>(ns));
      if (error < 0 && error != -ETIME && error != -EINTR && error != -EAGAIN) break;
    }
    state_.local.clear();
    calls_.Stop(in_flight() == 0 ? kIdleThreadsEndMs : 0);
    // What is unconfirmed keeps its descriptors as it keeps its memory: a number that is used again would turn what the
    // kernel still does with it into work on another file.
    state_.handles.ForEachOpen([](int32_t, auto& cell) {
      if (cell.users == 0) ::close(cell.fd);
    });
    return in_flight();
  }

 private:
  // Threads that are in no call end at once.
  static constexpr uint64_t kIdleThreadsEndMs = 1000;

  Engine(std::unique_ptr<Port> port, SharedMemory shared, const Features& features, const EngineOptions& options)
      : state_(std::move(shared), features, options.zero_copy_min_bytes),
        handover_(std::move(port)),
        endings_(state_),
        calls_(state_, endings_),
        timers_(state_, endings_),
        writer_(state_, handover_),
        starter_(state_, endings_, calls_, timers_, writer_) {
    state_.RegisterBufferRing(this->port().raw());
    if (!options.register_buffers || !features.registered_buffers) return;
    state_.features.registered_buffers = registered_buffers_.Start(this->port().raw()) == 0;
    if (state_.features.registered_buffers) state_.buffers.Observe(&registered_buffers_);
  }

  // --- submissions ------------------------------------------------------------------------------------------------

  // Something waits for a turn of the engine.
  bool HasWaiting() const { return starter_.HasWaiting() || IsUnseen(); }
  // Nothing wakes the engine for what ends beside the ring.
  bool IsUnseen() const { return calls_.IsUnwatched() || timers_.IsUnarmed(); }

  // Starts what can go on; false when nothing could.
  bool Resume() {
    const bool was_unseen = IsUnseen();
    const bool went = starter_.Resume();
    BeginCalls();
    timers_.Arm(writer_);
    return went || (was_unseen && !IsUnseen());
  }

  // Lets the threads begin what was started for them, and sees to being woken by them.
  void BeginCalls() {
    calls_.Begin();
    if (!calls_.IsUnwatched()) return;
    io_uring_sqe* sqe = writer_.GetSqe();
    if (sqe != nullptr) calls_.Watch(sqe);
  }

  void TakeProvided() {
    BufferRing& ring = state_.buffer_ring;
    TakeProvidedBuffers(
        state_.shared, state_.buffers, ring.room(),
        [&ring](uint32_t number, const BufferCell& cell, size_t bytes) { ring.Add(number, cell, bytes); });
    ring.Publish();
  }

  // Cancels what the kernel has; goes on where it was when the ring had no more room.
  void CancelAll() {
    while (next_to_cancel_ < state_.operations.slots()) {
      const Op& op = state_.operations.At(next_to_cancel_);
      const bool cancels = state_.features.cancel_any ? in_flight() > 0 : op.active && !op.waiting && !op.on_thread;
      if (cancels) {
        io_uring_sqe* sqe = handover_.GetSqe();
        if (sqe == nullptr) return;
        if (state_.features.cancel_any) {
          io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
        } else {
          io_uring_prep_cancel64(sqe, UserData(next_to_cancel_, op.generation), 0);
        }
        sqe->user_data = UserData(0, 0, Tag::kInternal);
      }
      next_to_cancel_ = state_.features.cancel_any ? state_.operations.slots() : next_to_cancel_ + 1;
    }
  }

  // What the kernel refuses to take, and will go on to refuse, ends with its reason.
  void EndRefused() {
    const int error = handover_.lasting_error();
    if (error == 0) [[likely]]
      return;
    bool is_behind = false;
    for (const Untaken& entry : handover_.TakeBack()) {
      if (TagOf(entry.user_data) == Tag::kThreads) calls_.Unwatch();
      if (TagOf(entry.user_data) == Tag::kTimers) timers_.Finish(GenerationOf(entry.user_data), error);
      if (TagOf(entry.user_data) == Tag::kOperation) {
        starter_.Refuse(SlotOf(entry.user_data), is_behind ? -ECANCELED : error);
      }
      is_behind = (entry.flags & IOSQE_IO_LINK) != 0;
    }
  }

  // --- completions ------------------------------------------------------------------------------------------------

  // Copies what is ready into the shared memory and advances the ring; core is called afterwards, if at all.
  uint32_t Collect() {
    EndRefused();
    uint32_t count = 0;
    const uint32_t max = state_.shared.limits().completion_batch_max;
    for (;;) {
      count = TakeReady(count, max);
      // What ended may have let others begin.
      if (!HasWaiting() || count == max || state_.stopping || !Resume()) break;
      handover_.Flush();
    }
    state_.shared.control(kControlCompletionCount) = count;
    const bool waiting =
        !state_.local.empty() || !handover_.stash().empty() || port().CqReady() > 0 || (count == max && HasWaiting());
    state_.shared.control(kControlCompletionsWaiting) = waiting ? 1 : 0;
    return count;
  }

  uint32_t TakeReady(uint32_t count, uint32_t max) {
    CompletionRecord* out = state_.shared.completions();
    auto& stash = handover_.stash();
    count = TakeLocal(count, max);
    while (count < max && !stash.empty()) {
      if (Finish(stash.front(), &out[count])) count++;
      stash.pop_front();
    }
    bool fetched = false;
    io_uring_cqe* cqes[kReapBatch];
    while (count < max) {
      const uint32_t ready = port().Peek(cqes, std::min(kReapBatch, max - count));
      if (ready == 0) {
        if (fetched || !port().HasDeferred()) break;
        (void)port().FetchDeferred();
        fetched = true;
        continue;
      }
      for (uint32_t index = 0; index < ready; index++) {
        if (Finish(*cqes[index], &out[count])) count++;
      }
      port().Advance(ready);
    }
    // What ended by itself has ended others with it.
    return TakeLocal(count, max);
  }

  uint32_t TakeLocal(uint32_t count, uint32_t max) {
    auto& local = state_.local;
    for (; count < max && !local.empty(); local.pop_front()) {
      state_.shared.completions()[count++] = local.front();
    }
    return count;
  }

  // Makes the completion record of a CQE; false when core is not told (yet).
  bool Finish(const io_uring_cqe& cqe, CompletionRecord* out) {
    const uint32_t slot = SlotOf(cqe.user_data);
    switch (TagOf(cqe.user_data)) {
      case Tag::kInternal:
        return false;
      case Tag::kTimeout:
        return FinishTimeout(slot, cqe, out);
      case Tag::kThreads:
        calls_.Unwatch();
        calls_.Collect();
        return false;
      case Tag::kTimers:
        timers_.Finish(GenerationOf(cqe.user_data), cqe.res);
        return false;
      case Tag::kOperation:
        break;
    }
    Op* found =
        TagOf(cqe.user_data) == Tag::kOperation ? state_.operations.Find(slot, GenerationOf(cqe.user_data)) : nullptr;
    if (found == nullptr) [[unlikely]] {
      // Nobody here has asked for it; whoever did need not take this process along. The network lets go of the memory
      // of a send that was ended early.
      if ((cqe.flags & IORING_CQE_F_NOTIF) == 0) unknown_completions_++;
      return false;
    }
    Op& op = *found;
    int32_t result = ResultOf(cqe);
    bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
    if (op.zero_copy) [[unlikely]] {
      if (!SettleZeroCopy(slot, op, cqe, &result)) return false;
      more = false;
    }
    // Who ended it, its timeout or somebody else, the timeout's completion says.
    const bool cut_short = result == -ECANCELED || result == -EINTR;
    if (op.timeout_state == TimeoutState::kArmed && cut_short) [[unlikely]] {
      op.awaits_timeout = true;
      op.result = result;
      return false;
    }
    return Deliver(slot, op, result, cqe.flags, more, out);
  }

  bool Deliver(uint32_t slot, Op& op, int32_t result, uint32_t cqe_flags, bool more, CompletionRecord* out) {
    uint32_t flags = 0;
    if (op.timeout_state == TimeoutState::kFired && (result == -ECANCELED || result == -EINTR)) {
      result = -ECANCELED;
      flags = kCompletionTimedOut;
    }
    flags |= Interpret(state_, op, slot, cqe_flags, &result);
    *out = {slot, op.generation, result, flags | (more ? kCompletionMore : 0)};
    if (more) return true;
    const bool gate = op.gate;
    const bool well = gate && EndedWell(op, state_.shared.record(slot), result);
    endings_.Leave(op);
    endings_.OpenGate(slot, gate, well);
    return true;
  }

  // The timeout of an operation has answered; the operation itself may have ended long ago.
  bool FinishTimeout(uint32_t slot, const io_uring_cqe& cqe, CompletionRecord* out) {
    Op* op = state_.operations.Find(slot, GenerationOf(cqe.user_data));
    if (op == nullptr) return false;
    const bool fired = cqe.res == -ETIME || cqe.res == -EALREADY || cqe.res == -ENOENT;
    op->timeout_state = fired ? TimeoutState::kFired : TimeoutState::kEnded;
    if (!op->awaits_timeout) return false;
    op->awaits_timeout = false;
    return Deliver(slot, *op, op->result, 0, false, out);
  }

  // True when a zero-copy send is over, with its result.
  bool SettleZeroCopy(uint32_t slot, Op& op, const io_uring_cqe& cqe, int32_t* result) {
    if ((cqe.flags & IORING_CQE_F_NOTIF) == 0) {
      op.result = cqe.res;
      // The kernel still has the memory.
      if ((cqe.flags & IORING_CQE_F_MORE) != 0) {
        *result = op.result;
        const bool must_end = op.ends_early || state_.stopping;
        if (must_end && TakeMemoryBack(state_, op)) return true;
        op.awaits_notification = true;
        return false;
      }
    }
    op.awaits_notification = false;
    *result = op.result;
    if (*result != -EOPNOTSUPP && *result != -ENOMEM && *result != -ENOBUFS) return true;
    // Nothing was sent: it goes once more, the plain way.
    if (*result == -EOPNOTSUPP) state_.handles.At(op.handle).state.no_zero_copy = true;
    op.zero_copy = false;
    if (op.ends_early || state_.stopping) {
      *result = -ECANCELED;
      return true;
    }
    endings_.again.push_back(slot);
    return false;
  }

  // Order matters: the ring goes first, then what it pointed to.
  State state_;
  RegisteredBuffers registered_buffers_;
  Handover<Port> handover_;
  Endings endings_;
  ThreadCalls calls_;
  Timers timers_;
  EntryWriter<Port> writer_;
  Starter<Port> starter_;
  ForkGuard fork_guard_;
  uint64_t unknown_completions_ = 0;
  // At the end of the session: the slot whose operation is canceled next.
  uint32_t next_to_cancel_ = 0;
};

}  // namespace baton::uring

#endif  // BATON_URING_ENGINE_H_
