// The rules of chains, which both engines keep: which handles a chain holds, when its next member starts, and what
// becomes of one that cannot be taken.
#ifndef BATON_CHAIN_RULES_H_
#define BATON_CHAIN_RULES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/record_check.h"
#include "baton/shared_memory.h"

namespace baton {

// Whether the next member starts, now that this one has ended with a result. `Op` is an engine's operation in flight.
template <typename Op>
bool EndedWell(const Op& op, const SubmissionRecord& record, int32_t result) {
  const OpcodeInfo& info = InfoOf(op.opcode);
  if (result < 0 || !info.whole) return result >= 0;
  const uint64_t asked = info.area == AreaContent::kVector ? op.vector->bytes() : record.length;
  return static_cast<uint64_t>(result) == asked;
}

// Each slot of a chain is free, and named once.
template <typename IsFree>
bool CanTakeChain(std::vector<uint32_t> slots, IsFree is_free) {
  std::sort(slots.begin(), slots.end());
  return std::adjacent_find(slots.begin(), slots.end()) == slots.end() &&
         std::all_of(slots.begin(), slots.end(), is_free);
}

// Nothing of a chain starts: what has a slot of its own is answered, what has none is passed over.
template <typename IsFree, typename Answer>
void RefuseChain(const std::vector<uint32_t>& slots, SharedMemory& shared, IsFree is_free, Answer answer) {
  for (auto slot = slots.begin(); slot != slots.end(); ++slot) {
    if (is_free(*slot) && std::find(slots.begin(), slot, *slot) == slot) {
      answer(*slot, kBadRecord);
    } else {
      shared.control(kControlPassedOver)++;
    }
  }
}

// The chain that begins at an index of the batch: up to its first member that has no link flag, or whose slot is not
// free. Core never parts one.
template <typename IsFree>
std::vector<uint32_t> ChainAt(const SharedMemory& shared, uint32_t first, uint32_t count, IsFree is_free) {
  std::vector<uint32_t> chain;
  for (uint32_t index = first; index < count; index++) {
    chain.push_back(shared.submission(index));
    if (!is_free(chain.back()) || !shared.record(chain.back()).Has(kSubmitLink)) break;
  }
  return chain;
}

// The handles that a member holds, -1 for none.
struct HeldHandles {
  int32_t first = -1;
  int32_t second = -1;
};

// A chain holds what its members name from its submission on, save what one of them closes before: that close waits for
// nobody behind it.
class ChainHolds {
 public:
  // What the next member holds.
  template <typename State>
  HeldHandles Next(HandleTable<State>& handles, const SubmissionRecord& record) {
    if (!IsOpcode(record.OpcodeNumber())) return {};
    const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
    if (opcode == Opcode::kClose) {
      closed_.push_back(record.handle_index);
      return {};
    }
    const OpcodeInfo& info = InfoOf(opcode);
    const bool two = info.handles == HandleUse::kTwo;
    if (!NeedsHandle(info, record)) return {};
    if (!CanHold(handles, record.handle_index, record.handle_generation)) return {};
    if (two && !CanHold(handles, record.second_handle_index, record.second_handle_generation)) return {};
    return {record.handle_index, two ? record.second_handle_index : -1};
  }

 private:
  template <typename State>
  bool CanHold(HandleTable<State>& handles, int32_t index, uint32_t generation) const {
    return handles.Find(index, generation) != nullptr &&
           std::find(closed_.begin(), closed_.end(), index) == closed_.end();
  }

  std::vector<int32_t> closed_;
};

}  // namespace baton

#endif  // BATON_CHAIN_RULES_H_
