// What the end of an operation brings about: its completion, its descriptors' closes that waited for it, and what is
// chained behind it.
#ifndef BATON_URING_ENDINGS_H_
#define BATON_URING_ENDINGS_H_

#include <cerrno>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "baton/chain_rules.h"
#include "baton/check.h"
#include "op.h"
#include "state.h"

namespace baton::uring {

// Slots that have not been started, in order.
using Chain = std::deque<uint32_t>;

class Endings {
 public:
  explicit Endings(State& state) : state_(state) {}

  // --- operations -------------------------------------------------------------------------------------------------

  // Completes an operation that the kernel never had.
  void Answer(uint32_t slot, const SubmissionRecord& record, Outcome outcome) {
    state_.local.push_back({slot, record.generation, outcome.result, outcome.flags});
  }

  // Ends an operation that was in flight; what is chained behind it does not hear of it.
  void EndAlone(uint32_t slot, Op& op, Outcome outcome) {
    state_.local.push_back({slot, op.generation, outcome.result, outcome.flags});
    Leave(op);
  }

  // Ends one, and starts or cancels what is behind it.
  void End(uint32_t slot, Op& op, Outcome outcome, bool well) {
    const bool gate = op.gate;
    EndAlone(slot, op, outcome);
    OpenGate(slot, gate, well);
  }

  // It has ended: nothing of the caller's is needed for it any more.
  void Leave(Op& op) {
    if (op.holds_descriptors) {
      op.holds_descriptors = false;
      Release(op.handle);
      if (op.second_handle >= 0) Release(op.second_handle);
    }
    state_.operations.Leave(op);
  }

  // --- chains -----------------------------------------------------------------------------------------------------

  // What is left of a chain starts when this one has ended well.
  void MakeGate(uint32_t slot, Op& op, Chain& chain) {
    if (chain.empty()) return;
    op.gate = true;
    gates_.emplace(slot, std::move(chain));
  }

  // An operation has ended; `well` counts for a gate only.
  void OpenGate(uint32_t slot, bool gate, bool well) {
    if (!gate) return;
    auto found = gates_.find(slot);
    BATON_CHECK(found != gates_.end());
    Chain rest = std::move(found->second);
    gates_.erase(found);
    if (!well || state_.stopping) {
      CancelRest(rest);
    } else {
      resumed.push_back(std::move(rest));
    }
  }

  void CancelRest(Chain& chain) {
    while (!chain.empty()) {
      const uint32_t slot = chain.front();
      chain.pop_front();
      EndAlone(slot, state_.operations.At(slot), {-ECANCELED});
    }
  }

  // --- descriptors ------------------------------------------------------------------------------------------------

  // From its submission to its end an operation holds its descriptors: a link, a worker of the kernel, the thread of
  // sqpoll and a segment that waits for its turn look a number up at a time of their own, and the number may be
  // somebody else's file by then.
  void HoldDescriptors(Op& op, HeldHandles held) {
    op.holds_descriptors = held.first >= 0;
    op.handle = held.first;
    op.second_handle = held.second;
    if (held.first >= 0) state_.handles.At(held.first).users++;
    if (held.second >= 0) [[unlikely]]
      state_.handles.At(held.second).users++;
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

  // Chains whose gate has opened.
  std::deque<Chain> resumed;
  // Operations in flight that get an entry once more.
  std::deque<uint32_t> again;

 private:
  void Release(int32_t index) {
    Handles::Cell& cell = state_.handles.At(index);
    BATON_CHECK(cell.users > 0);
    if (--cell.users > 0 || cell.state.closing_slot < 0) return;
    again.push_back(static_cast<uint32_t>(cell.state.closing_slot));
    cell.state.closing_slot = -1;
  }

  State& state_;
  // What stands behind each gate.
  std::unordered_map<uint32_t, Chain> gates_;
};

}  // namespace baton::uring

#endif  // BATON_URING_ENDINGS_H_
