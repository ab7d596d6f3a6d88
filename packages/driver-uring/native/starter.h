// Starting operations: alone, and in chains. A chain goes into the ring in segments. Within a segment the kernel starts
// one entry after the other by itself (IOSQE_IO_LINK); the engine starts the next segment when the last operation of
// the one before, its gate, has ended well. Segments are cut
//   - where an operation is performed on the calling thread (listen, datagram, pipe, address) or on another (what the
//     kernel has no entry for and may block), before a connect, whose socket is made first, and around a close, which
//     must not reuse a number that others of its chain still need;
//   - behind what the kernel passes over when it fails (Failure, entry_info.h), so that a write is not followed by a
//     rename although the fsync between them has failed; behind a splice, because for the kernel one that moves less
//     than asked for has failed, and for Baton it has not; and behind an open, which has not ended for Baton while the
//     other end of a FIFO is not there;
//   - where the ring has no more entries;
//   - everywhere when links are switched off or missing. Chains work then too, one operation at a time.
#ifndef BATON_URING_STARTER_H_
#define BATON_URING_STARTER_H_

#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "admit.h"
#include "baton/chain_rules.h"
#include "baton/socket_calls.h"
#include "endings.h"
#include "entry_writer.h"
#include "inline_calls.h"
#include "op.h"
#include "state.h"
#include "thread_calls.h"
#include "timers.h"
#include "zero_copy.h"

namespace baton::uring {

template <typename Port>
class Starter {
 public:
  Starter(State& state, Endings& endings, ThreadCalls& calls, Timers& timers, EntryWriter<Port>& writer)
      : state_(state), endings_(endings), calls_(calls), timers_(timers), writer_(writer) {}

  // Starts one operation. False when the kernel does not take any more for now; then nothing has happened.
  bool Start(uint32_t slot) {
    const SubmissionRecord& record = state_.shared.record(slot);
    const Admission admission = Admit(state_, record, Standing::kAlone);
    if (admission.refusal < 0) return Answer(slot, record, {admission.refusal});
    const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
    if (admission.way == Way::kInline) return Answer(slot, record, PerformInline(state_, opcode, record, admission.fd));
    if (admission.way == Way::kThread) {
      calls_.Start(slot, state_.operations.Enter(slot, record, opcode), record, admission.fd);
      return true;
    }
    if (opcode == Opcode::kTimer && !record.Has(kSubmitTimeout)) {
      timers_.Start(slot, record);
      return true;
    }
    if (opcode == Opcode::kCancel && !AsksKernel(slot, record)) return true;
    if (opcode == Opcode::kConnect) return StartConnect(slot, record, admission);
    if (!writer_.HasRoom(record)) return false;
    Op& op = state_.operations.Enter(slot, record, opcode);
    if (opcode == Opcode::kClose && endings_.MustWait(slot, op, record)) return true;
    Write(slot, op, record, admission, false);
    return true;
  }

  // Starts a chain, which is taken whole. False when there is no room for its beginning; then nothing has happened.
  bool StartChain(const std::vector<uint32_t>& slots) {
    const auto is_free = [this](uint32_t slot) { return state_.operations.IsFree(slot); };
    if (!CanTakeChain(slots, is_free)) {
      RefuseChain(slots, state_.shared, is_free,
                  [this](uint32_t slot, int32_t result) { Answer(slot, state_.shared.record(slot), {result}); });
      return true;
    }
    Chain chain(slots.begin(), slots.end());
    const Admission admission = Admit(state_, state_.shared.record(chain.front()), Standing::kInChain);
    if (admission.refusal == 0 && admission.way == Way::kEntry && !writer_.Reserve(Cut(chain).entries)) return false;
    ChainHolds holds;
    for (const uint32_t slot : chain) {
      const SubmissionRecord& record = state_.shared.record(slot);
      Op& op = state_.operations.Enter(slot, record, static_cast<Opcode>(record.OpcodeNumber()));
      op.waiting = true;
      op.result = 0;
      endings_.HoldDescriptors(op, holds.Next(state_.handles, record));
    }
    if (!Advance(chain)) endings_.resumed.push_back(std::move(chain));
    return true;
  }

  // An operation in flight that the kernel does not have ends without having begun.
  void Refuse(uint32_t slot, int32_t error) {
    Op& op = state_.operations.At(slot);
    // The descriptor of a close stays, for the session to close.
    if (op.opcode == Opcode::kClose) state_.handles.At(op.handle).open = true;
    if (op.opcode == Opcode::kConnect) ::close(op.fd);
    endings_.End(slot, op, {error}, false);
  }

  // Operations wait for a turn of the engine.
  bool HasWaiting() const { return !endings_.resumed.empty() || !endings_.again.empty(); }

  // Starts what can go on; false when nothing could.
  bool Resume() {
    bool went = false;
    while (!endings_.again.empty()) {
      if (!writer_.WriteAgain(endings_.again.front())) return went;
      endings_.again.pop_front();
      went = true;
    }
    while (!endings_.resumed.empty()) {
      if (!Advance(endings_.resumed.front())) return went;
      endings_.resumed.pop_front();
      went = true;
    }
    return went;
  }

  // The session ends: what the kernel does not have is not started any more.
  void Stop() {
    while (!endings_.again.empty()) {
      const uint32_t slot = endings_.again.front();
      endings_.again.pop_front();
      Refuse(slot, -ECANCELED);
    }
    while (!endings_.resumed.empty()) {
      endings_.CancelRest(endings_.resumed.front());
      endings_.resumed.pop_front();
    }
  }

 private:
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

  bool Answer(uint32_t slot, const SubmissionRecord& record, Outcome outcome) {
    endings_.Answer(slot, record, outcome);
    return true;
  }

  bool StartConnect(uint32_t slot, const SubmissionRecord& record, const Admission& admission) {
    if (!writer_.HasRoom(record)) return false;
    Connection connection;
    const int32_t error = connection.Open(state_, record);
    if (error < 0) return Answer(slot, record, {error});
    Op& op = state_.operations.Enter(slot, record, Opcode::kConnect);
    connection.GiveTo(state_, op);
    Write(slot, op, record, admission, false);
    return true;
  }

  // Whether the kernel is to be asked for a cancel: where it does not have the target, that is answered here.
  bool AsksKernel(uint32_t slot, const SubmissionRecord& record) {
    Op* target = state_.operations.Find(record.argument0, record.argument1);
    int32_t result = 0;
    if (target == nullptr) {
      result = -ENOENT;
    } else if (target->zero_copy) {
      // The kernel can end a send without a copy until it has counted the bytes. From then on it has the memory only.
      target->ends_early = true;
      if (!target->awaits_notification) return true;
      result = EndZeroCopy(state_, endings_, record.argument0, *target) ? 0 : -EALREADY;
    } else if (target->on_thread) {
      result = calls_.Cancel(record.argument0, *target) ? 0 : -EALREADY;
    } else if (target->in_queue) {
      timers_.Cancel(record.argument0, *target);
    } else if (target->waiting) {
      // It ends when its turn comes.
      target->result = -ECANCELED;
    } else {
      return true;
    }
    Answer(slot, record, {result});
    return false;
  }

  // Writes the entry of an operation, for which there is room. `chained`: others stand behind it in its segment.
  void Write(uint32_t slot, Op& op, const SubmissionRecord& record, const Admission& admission, bool chained) {
    op.waiting = false;
    if (op.opcode == Opcode::kClose) {
      op.handle = record.handle_index;
      state_.handles.Close(op.handle);
    } else if (admission.fd >= 0 && !op.holds_descriptors) {
      endings_.HoldDescriptors(op, {record.handle_index, admission.second_fd < 0 ? -1 : record.second_handle_index});
    }
    writer_.Write(slot, op, record, admission, chained);
  }

  // --- chains -----------------------------------------------------------------------------------------------------

  Admission AdmitInChain(const Op& op, const SubmissionRecord& record) {
    // Another than the one that was submitted.
    const bool is_other =
        record.OpcodeNumber() != static_cast<uint8_t>(op.opcode) || record.generation != op.generation;
    if (op.active && is_other) return Refused(kBadRecord);
    return Admit(state_, record, Standing::kInChain, op.holds_descriptors ? Hold::kHeld : Hold::kNot);
  }

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
        calls_.Start(slot, op, record, admission.fd);
        endings_.MakeGate(slot, op, chain);
        return true;
      }
      if (!goes || admission.way == Way::kInline) {
        const Outcome outcome = op.result < 0           ? Outcome{op.result}
                                : admission.refusal < 0 ? Outcome{admission.refusal}
                                                        : PerformInline(state_, op.opcode, record, admission.fd);
        EndFirst(chain, outcome);
        continue;
      }
      const Segment segment = Cut(chain);
      if (!writer_.Reserve(segment.entries)) return false;
      if (op.opcode == Opcode::kConnect) {
        Connection connection;
        const int32_t error = connection.Open(state_, record);
        if (error < 0) {
          EndFirst(chain, {error});
          continue;
        }
        connection.GiveTo(state_, op);
      }
      StartSegment(chain, segment.count);
      return true;
    }
    return true;
  }

  // The first of a chain is over without having been with the kernel.
  void EndFirst(Chain& chain, Outcome outcome) {
    const uint32_t slot = chain.front();
    chain.pop_front();
    endings_.EndAlone(slot, state_.operations.At(slot), outcome);
    if (outcome.result < 0) endings_.CancelRest(chain);
  }

  void StartSegment(Chain& chain, uint32_t count) {
    uint32_t last = 0;
    for (uint32_t index = 0; index < count; index++) {
      last = chain.front();
      chain.pop_front();
      const SubmissionRecord& record = state_.shared.record(last);
      Op& op = state_.operations.At(last);
      if (op.opcode == Opcode::kClose && endings_.MustWait(last, op, record)) break;
      Write(last, op, record, AdmitInChain(op, record), index + 1 < count);
    }
    endings_.MakeGate(last, state_.operations.At(last), chain);
  }

  // How much of a chain goes into the ring together, at least its first operation, which is an entry.
  Segment Cut(const Chain& chain) {
    Segment segment;
    for (const uint32_t slot : chain) {
      const SubmissionRecord& record = state_.shared.record(slot);
      const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
      if (segment.count > 0) {
        if (opcode == Opcode::kConnect || opcode == Opcode::kClose) break;
        if (segment.entries + writer_.EntriesOf(record) > writer_.capacity()) break;
        const Op& op = state_.operations.At(slot);
        const Admission admission = AdmitInChain(op, record);
        if (admission.refusal < 0 || admission.way != Way::kEntry || (op.waiting && op.result < 0)) break;
      }
      segment.count++;
      segment.entries += writer_.EntriesOf(record);
      const bool is_gate = EntryOf(opcode).failure != Failure::kBreaksLinks;
      if (!state_.features.links || is_gate) break;
    }
    return segment;
  }

  State& state_;
  Endings& endings_;
  ThreadCalls& calls_;
  Timers& timers_;
  EntryWriter<Port>& writer_;
};

}  // namespace baton::uring

#endif  // BATON_URING_STARTER_H_
