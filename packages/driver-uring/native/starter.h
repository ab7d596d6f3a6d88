// Starting operations: alone, and in chains. A chain goes into the ring in segments. Within a segment the kernel starts
// one entry after the other by itself (IOSQE_IO_LINK); the engine starts the next segment when the last operation of
// the one before, its gate, has ended well. Segments are cut
//   - where an operation is performed on the calling thread (listen, datagram, pipe, address) or on another (what the
//     kernel has no entry for and may block), before a connect, whose socket is made first, and around a close, which must not reuse a number
//     that others of its chain still need;
//   - behind a splice, because for the kernel one that moves less than asked for has failed, and for Baton it has not,
//     and behind an open, which has not ended for Baton while the other end of a FIFO is not there;
//   - where the ring has no more entries;
//   - everywhere when links are switched off or missing. Chains work then too, one operation at a time.
#ifndef BATON_URING_STARTER_H_
#define BATON_URING_STARTER_H_

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admit.h"
#include "baton/socket_calls.h"
#include "finish.h"
#include "handover.h"
#include "here.h"
#include "op.h"
#include "prepare.h"
#include "state.h"
#include "threads.h"
#include "user_data.h"
#include "zero_copy.h"

namespace baton::uring {

template <typename Port>
class Starter {
 public:
  Starter(State& state, Handover<Port>& handover) : state_(state), handover_(handover) {}

  // Starts one operation. False when the kernel does not take any more for now; then nothing has happened.
  bool Start(uint32_t slot) {
    const SubmissionRecord& record = state_.shared.record(slot);
    const Admission admission = Admit(state_, record, Place::kAlone);
    if (admission.refusal < 0) return Answer(slot, record, {admission.refusal});
    const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
    if (admission.way == Way::kHere) return Answer(slot, record, PerformHere(state_, opcode, record, admission.fd));
    if (admission.way == Way::kThread) {
      StartOnThread(slot, state_.operations.Enter(slot, record, opcode), record, admission.fd);
      return true;
    }
    if (opcode == Opcode::kCancel && !AskWaiting(slot, record)) return true;
    if (opcode == Opcode::kConnect) return StartConnect(slot, record, admission);
    if (!HasRoom(record)) return false;
    Op& op = state_.operations.Enter(slot, record, opcode);
    if (opcode == Opcode::kClose && MustWait(slot, op, record)) return true;
    Fill(slot, op, record, admission, false);
    return true;
  }

  // Starts a chain, which is taken whole. False when there is no room for its beginning; then nothing has happened.
  bool StartChain(const std::vector<uint32_t>& slots) {
    if (!AreFree(slots)) return RefuseChain(slots);
    Chain chain(slots.begin(), slots.end());
    const SubmissionRecord& first = state_.shared.record(chain.front());
    const Admission admission = Admit(state_, first, Place::kInChain);
    if (admission.refusal == 0 && admission.way == Way::kEntry && !handover_.Reserve(Cut(chain).entries)) return false;
    for (const uint32_t slot : chain) {
      const SubmissionRecord& record = state_.shared.record(slot);
      Op& op = state_.operations.Enter(slot, record, static_cast<Opcode>(record.OpcodeNumber()));
      op.waiting = true;
      op.result = 0;
    }
    HoldChain(chain);
    if (!Advance(chain)) resumed_.push_back(std::move(chain));
    return true;
  }

  // An operation has ended; `well` counts for a gate only.
  void Ended(uint32_t slot, bool gate, bool well) {
    if (!gate) return;
    auto found = gates_.find(slot);
    BATON_CHECK(found != gates_.end());
    Chain rest = std::move(found->second);
    gates_.erase(found);
    if (!well || state_.stopping) {
      CancelRest(rest);
    } else {
      resumed_.push_back(std::move(rest));
    }
  }

  // The operation has ended: nothing of the caller's is needed for it any more.
  void Leave(Op& op) {
    if (op.holds_descriptors) {
      op.holds_descriptors = false;
      ReleaseHandle(op.handle);
      if (op.second_handle >= 0) ReleaseHandle(op.second_handle);
    }
    state_.operations.Leave(op);
  }

  // An operation in flight goes to the kernel once more.
  void Again(uint32_t slot) { again_.push_back(slot); }

  // Ends a send of which the network still has the memory; false when it must be waited for.
  bool EndZeroCopy(uint32_t slot, Op& op) {
    if (!TakeMemoryBack(state_, op)) return false;
    const bool gate = op.gate;
    End(slot, op, {op.result});
    Ended(slot, gate, true);
    return true;
  }

  // An operation in flight that the kernel does not have ends without having begun.
  void Refuse(uint32_t slot, int32_t error) {
    Op& op = state_.operations.At(slot);
    // The descriptor of a close stays, for the session to close.
    if (op.opcode == Opcode::kClose) state_.handles.At(op.handle).open = true;
    if (op.opcode == Opcode::kConnect) ::close(op.fd);
    const bool gate = op.gate;
    End(slot, op, {error});
    Ended(slot, gate, false);
  }

  // Gives to the threads what was started for them, and sees to being woken by them.
  void BeginOnThreads() {
    std::vector<std::unique_ptr<Job>> refused;
    const int error = threads_.Begin(&refused);
    for (const auto& job : refused) FinishOnThread(job->id.slot, {error});
    if (!threads_.IsUnwatched()) return;
    io_uring_sqe* sqe = handover_.GetSqe();
    if (sqe != nullptr) threads_.Watch(sqe);
  }

  // The entry that waits for the threads has ended: so have some of their calls.
  void CollectFromThreads() {
    threads_.Unwatch();
    for (const auto& job : threads_.Collect()) {
      Outcome outcome{static_cast<int32_t>(job->result)};
      const Op& op = state_.operations.At(job->id.slot);
      if (outcome.result == 0 && (op.opcode == Opcode::kListen || op.opcode == Opcode::kDatagram)) {
        outcome.result = static_cast<BindJob&>(*job).Take(op.data);
        outcome.flags = AdoptArrival(state_, &outcome.result);
      }
      FinishOnThread(job->id.slot, outcome);
    }
  }

  // The kernel has never taken that entry.
  void UnwatchThreads() { threads_.Unwatch(); }
  void StopThreads(uint64_t deadline_ms) { threads_.Stop(deadline_ms); }

  // The session ends: what no thread has begun is not begun any more.
  void WithdrawFromThreads() {
    for (uint32_t slot = 0; threads_.IsBusy() && slot < state_.operations.slots(); slot++) {
      Op& op = state_.operations.At(slot);
      if (op.active && op.on_thread) (void)EndOnThread(slot, op);
    }
  }

  // Operations wait for a turn of the engine.
  bool HasWaiting() const { return !resumed_.empty() || !again_.empty() || threads_.IsUnwatched(); }

  // Starts what can go on; false when nothing could.
  bool Resume() {
    const bool was_unwatched = threads_.IsUnwatched();
    const bool went = ResumeWaiting();
    BeginOnThreads();
    return went || (was_unwatched && !threads_.IsUnwatched());
  }

  // The session ends: what the kernel does not have is not started any more.
  void Stop() {
    while (!again_.empty()) {
      const uint32_t slot = again_.front();
      again_.pop_front();
      Refuse(slot, -ECANCELED);
    }
    while (!resumed_.empty()) {
      CancelRest(resumed_.front());
      resumed_.pop_front();
    }
  }

 private:
  bool ResumeWaiting() {
    bool went = false;
    while (!again_.empty()) {
      if (!Repeat(again_.front())) return went;
      again_.pop_front();
      went = true;
    }
    while (!resumed_.empty()) {
      if (!Advance(resumed_.front())) return went;
      resumed_.pop_front();
      went = true;
    }
    return went;
  }

  // Slots that have not been started, in order.
  using Chain = std::deque<uint32_t>;

  struct Segment {
    uint32_t count = 0;
    uint32_t entries = 0;
  };

  // A socket that is going to be connected.
  struct Connection {
    UniqueFd fd;
    SystemAddress address;

    int32_t Open(State& state, const SubmissionRecord& record) {
      auto made = PrepareConnect(state.shared.arena(record.arena_offset), record.argument0, 0, &address);
      if (!made.ok()) return made.error();
      fd = made.Take();
      return 0;
    }
    void GiveTo(State& state, Op& op) {
      op.fd = fd.Release();
      *state.operations.TakeAddress(op) = address;
    }
  };

  // Completes an operation that the kernel never had.
  bool Answer(uint32_t slot, const SubmissionRecord& record, Outcome outcome) {
    state_.local.push_back({slot, record.generation, outcome.result, outcome.flags});
    return true;
  }

  // Ends an operation that was in flight.
  void End(uint32_t slot, Op& op, Outcome outcome) {
    state_.local.push_back({slot, op.generation, outcome.result, outcome.flags});
    Leave(op);
  }

  bool HasRoom(const SubmissionRecord& record) {
    return handover_.Reserve(EntriesOf(record));
  }

  bool StartConnect(uint32_t slot, const SubmissionRecord& record, const Admission& admission) {
    if (!HasRoom(record)) return false;
    Connection connection;
    const int32_t error = connection.Open(state_, record);
    if (error < 0) return Answer(slot, record, {error});
    Op& op = state_.operations.Enter(slot, record, Opcode::kConnect);
    connection.GiveTo(state_, op);
    Fill(slot, op, record, admission, false);
    return true;
  }

  // Each slot is free, and named once.
  bool AreFree(std::vector<uint32_t> slots) const {
    std::sort(slots.begin(), slots.end());
    return std::adjacent_find(slots.begin(), slots.end()) == slots.end() &&
           std::all_of(slots.begin(), slots.end(), [this](uint32_t slot) { return state_.operations.IsFree(slot); });
  }

  // Nothing of it starts: what has a slot of its own is answered, what has none is passed over.
  bool RefuseChain(const std::vector<uint32_t>& slots) {
    for (auto slot = slots.begin(); slot != slots.end(); ++slot) {
      if (state_.operations.IsFree(*slot) && std::find(slots.begin(), slot, *slot) == slot) {
        Answer(*slot, state_.shared.record(*slot), {kBadRecord});
      } else {
        state_.shared.control(kControlPassedOver)++;
      }
    }
    return true;
  }

  static uint32_t EntriesOf(const SubmissionRecord& record) { return record.Has(kSubmitTimeout) ? 2 : 1; }

  // A cancel whose target the kernel does not have is answered here; true when the kernel is to be asked.
  bool AskWaiting(uint32_t slot, const SubmissionRecord& record) {
    Op* target = state_.operations.Find(record.argument0, record.argument1);
    if (target == nullptr) {
      Answer(slot, record, {-ENOENT});
      return false;
    }
    if (target->zero_copy) [[unlikely]]
      return AskZeroCopy(slot, record, *target);
    if (target->on_thread) [[unlikely]] {
      const bool ended = EndOnThread(record.argument0, *target);
      Answer(slot, record, {ended ? 0 : -EALREADY});
      return false;
    }
    if (!target->waiting) return true;
    // It ends when its turn comes.
    target->result = -ECANCELED;
    Answer(slot, record, {0});
    return false;
  }

  // The kernel can end a send without a copy until it has counted the bytes. From then on it has the memory only.
  bool AskZeroCopy(uint32_t slot, const SubmissionRecord& record, Op& target) {
    target.ends_early = true;
    if (!target.awaits_notification) return true;
    const bool ended = EndZeroCopy(record.argument0, target);
    Answer(slot, record, {ended ? 0 : -EALREADY});
    return false;
  }

  // --- threads ----------------------------------------------------------------------------------------------------

  void StartOnThread(uint32_t slot, Op& op, const SubmissionRecord& record, int fd) {
    op.waiting = false;
    if (fd >= 0 && !op.holds_descriptors) HoldDescriptors(op, record);
    threads_.Hand(state_, slot, op, record, fd);
  }

  void FinishOnThread(uint32_t slot, Outcome outcome) {
    Op& op = state_.operations.At(slot);
    BATON_CHECK(op.active && op.on_thread);
    const bool gate = op.gate;
    End(slot, op, outcome);
    Ended(slot, gate, outcome.result >= 0);
  }

  // Ends an operation whose call no thread has begun; false when one has.
  bool EndOnThread(uint32_t slot, const Op& op) {
    if (!threads_.Withdraw(op.job)) return false;
    FinishOnThread(slot, {-ECANCELED});
    return true;
  }

  // --- entries ----------------------------------------------------------------------------------------------------

  // Fills the entry of an operation, for which there is room. `chained`: others stand behind it in its segment.
  void Fill(uint32_t slot, Op& op, const SubmissionRecord& record, const Admission& admission, bool chained) {
    op.waiting = false;
    if (op.opcode == Opcode::kClose) {
      op.handle = record.handle_index;
      state_.handles.Close(op.handle);
    } else if (admission.fd >= 0 && !op.holds_descriptors) {
      HoldDescriptors(op, record);
    }
    io_uring_sqe* sqe = handover_.port().GetSqe();
    BATON_CHECK(sqe != nullptr);
    Preparation(state_, op, record, admission.fd, admission.second_fd).Fill(sqe, chained);
    sqe->user_data = UserData(slot, record.generation);
    if (chained) sqe->flags |= IOSQE_IO_LINK;
    if (record.Has(kSubmitTimeout)) [[unlikely]]
      AddTimeout(slot, op, record, sqe, chained);
  }

  // The timeout of an operation is an entry of its own behind it.
  void AddTimeout(uint32_t slot, Op& op, const SubmissionRecord& record, io_uring_sqe* sqe, bool chained) {
    sqe->flags |= IOSQE_IO_LINK;
    io_uring_sqe* timeout = handover_.port().GetSqe();
    BATON_CHECK(timeout != nullptr);
    op.timeout_state = TimeoutState::kArmed;
    *state_.operations.TakeTimeout(op) = Timespec(record.TimeoutUs());
    io_uring_prep_link_timeout(timeout, op.timeout, 0);
    timeout->user_data = UserData(slot, record.generation, Tag::kTimeout);
    if (chained) timeout->flags |= IOSQE_IO_LINK;
  }

  // An operation that is in flight gets an entry once more: a send that cannot be without a copy, or a close that had
  // to wait.
  bool Repeat(uint32_t slot) {
    Op& op = state_.operations.At(slot);
    const uint32_t flags = state_.shared.record(slot).argument0;
    const int fd = state_.handles.At(op.handle).fd;
    io_uring_sqe* sqe = handover_.GetSqe();
    if (sqe == nullptr) return false;
    if (op.opcode == Opcode::kClose) {
      io_uring_prep_close(sqe, fd);
    } else {
      io_uring_prep_send(sqe, fd, op.data, op.length, static_cast<int>(flags) | MSG_NOSIGNAL);
    }
    sqe->user_data = UserData(slot, op.generation);
    return true;
  }

  // --- descriptors ------------------------------------------------------------------------------------------------

  // From its submission to its end an operation holds its descriptors: a link, a worker of the kernel, the thread of
  // sqpoll and a segment that waits for its turn look a number up at a time of their own, and the number may be
  // somebody else's file by then.
  void HoldDescriptors(Op& op, const SubmissionRecord& record) {
    op.holds_descriptors = true;
    op.handle = record.handle_index;
    state_.handles.At(op.handle).users++;
    if (op.opcode != Opcode::kSplice) [[likely]]
      return;
    op.second_handle = record.second_handle_index;
    state_.handles.At(op.second_handle).users++;
  }

  // A chain holds what its members name, save what one of them closes before: that close waits for nobody behind it.
  void HoldChain(const Chain& chain) {
    std::vector<int32_t> closed;
    for (const uint32_t slot : chain) {
      const SubmissionRecord& record = state_.shared.record(slot);
      Op& op = state_.operations.At(slot);
      const auto is_closed = [&closed](int32_t index) {
        return std::find(closed.begin(), closed.end(), index) != closed.end();
      };
      if (op.opcode == Opcode::kClose) {
        closed.push_back(record.handle_index);
      } else if (Admit(state_, record, Place::kInChain).fd >= 0 && !is_closed(record.handle_index) &&
                 !(op.opcode == Opcode::kSplice && is_closed(record.second_handle_index))) {
        HoldDescriptors(op, record);
      }
    }
  }

  Admission AdmitInChain(const Op& op, const SubmissionRecord& record) {
    // Another than the one that was submitted.
    const bool is_other = record.OpcodeNumber() != static_cast<uint8_t>(op.opcode) || record.generation != op.generation;
    if (op.active && is_other) return Refused(kBadRecord);
    return Admit(state_, record, Place::kInChain, op.holds_descriptors ? Hold::kHeld : Hold::kNot);
  }

  void ReleaseHandle(int32_t index) {
    Handles::Cell& cell = state_.handles.At(index);
    BATON_CHECK(cell.users > 0);
    if (--cell.users > 0 || cell.state.closing_slot < 0) return;
    Again(static_cast<uint32_t>(cell.state.closing_slot));
    cell.state.closing_slot = -1;
  }

  // True when a close must wait for operations that still name the descriptor.
  bool MustWait(uint32_t slot, Op& op, const SubmissionRecord& record) {
    Handles::Cell& cell = state_.handles.At(record.handle_index);
    if (cell.users == 0) return false;
    op.waiting = false;
    op.handle = record.handle_index;
    cell.state.closing_slot = static_cast<int32_t>(slot);
    state_.handles.Close(record.handle_index);
    return true;
  }

  // --- chains -----------------------------------------------------------------------------------------------------

  // Starts the next segment of a chain; false when there is no room for it now. The chain is moved from, or empty, when
  // it went.
  bool Advance(Chain& chain) {
    while (!chain.empty()) {
      const uint32_t slot = chain.front();
      const SubmissionRecord& record = state_.shared.record(slot);
      Op& op = state_.operations.At(slot);
      const Admission admission = AdmitInChain(op, record);
      const bool goes = op.result >= 0 && admission.refusal >= 0;
      if (goes && admission.way == Way::kThread) {
        chain.pop_front();
        StartOnThread(slot, op, record, admission.fd);
        MakeGate(slot, op, chain);
        return true;
      }
      if (!goes || admission.way == Way::kHere) {
        const Outcome outcome = op.result < 0           ? Outcome{op.result}
                                : admission.refusal < 0 ? Outcome{admission.refusal}
                                                        : PerformHere(state_, op.opcode, record, admission.fd);
        chain.pop_front();
        End(slot, op, outcome);
        if (outcome.result < 0) CancelRest(chain);
        continue;
      }
      const Segment segment = Cut(chain);
      if (!handover_.Reserve(segment.entries)) return false;
      if (op.opcode == Opcode::kConnect) {
        Connection connection;
        const int32_t error = connection.Open(state_, record);
        if (error < 0) {
          chain.pop_front();
          End(slot, op, {error});
          CancelRest(chain);
          continue;
        }
        connection.GiveTo(state_, op);
      }
      StartSegment(chain, segment.count);
      return true;
    }
    return true;
  }

  void StartSegment(Chain& chain, uint32_t count) {
    uint32_t last = 0;
    for (uint32_t index = 0; index < count; index++) {
      last = chain.front();
      chain.pop_front();
      const SubmissionRecord& record = state_.shared.record(last);
      Op& op = state_.operations.At(last);
      if (op.opcode == Opcode::kClose && MustWait(last, op, record)) break;
      Fill(last, op, record, AdmitInChain(op, record), index + 1 < count);
    }
    MakeGate(last, state_.operations.At(last), chain);
  }

  // What is left of a chain starts when this one has ended well.
  void MakeGate(uint32_t slot, Op& op, Chain& chain) {
    if (chain.empty()) return;
    op.gate = true;
    gates_.emplace(slot, std::move(chain));
  }

  // How much of a chain goes into the ring together, at least its first operation, which is an entry.
  Segment Cut(const Chain& chain) {
    Segment segment;
    for (const uint32_t slot : chain) {
      const SubmissionRecord& record = state_.shared.record(slot);
      const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
      if (segment.count > 0) {
        if (opcode == Opcode::kConnect || opcode == Opcode::kClose) break;
        if (segment.entries + EntriesOf(record) > handover_.capacity()) break;
        const Op& op = state_.operations.At(slot);
        const Admission admission = AdmitInChain(op, record);
        if (admission.refusal < 0 || admission.way != Way::kEntry || (op.waiting && op.result < 0)) break;
      }
      segment.count++;
      segment.entries += EntriesOf(record);
      const bool is_gate = opcode == Opcode::kSplice || opcode == Opcode::kClose || opcode == Opcode::kOpen;
      if (!state_.features.links || is_gate) break;
    }
    return segment;
  }

  void CancelRest(Chain& chain) {
    while (!chain.empty()) {
      const uint32_t slot = chain.front();
      chain.pop_front();
      End(slot, state_.operations.At(slot), {-ECANCELED});
    }
  }

  State& state_;
  Handover<Port>& handover_;
  // What stands behind each gate.
  std::unordered_map<uint32_t, Chain> gates_;
  // Chains whose gate has opened.
  std::deque<Chain> resumed_;
  // Operations that get an entry once more.
  std::deque<uint32_t> again_;
  Threads threads_;
};

}  // namespace baton::uring

#endif  // BATON_URING_STARTER_H_
