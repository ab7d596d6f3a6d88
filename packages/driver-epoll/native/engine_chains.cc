// Links: what is chained behind an operation is in flight from the start, holds its memory, and begins when its turn
// comes.
#include <algorithm>
#include <vector>

#include "baton/record_check.h"
#include "engine.h"

namespace baton::epoll {

// Takes a chain of the batch from `first` on; returns how many submissions it was. A chain ends with its first member
// that has no link flag, or with the batch.
uint32_t Engine::StartChain(uint32_t first, uint32_t count) {
  uint32_t last = first;
  while (last + 1 < count && IsFree(shared_.submission(last)) &&
         shared_.record(shared_.submission(last)).Has(kSubmitLink)) {
    last++;
  }
  if (!AreFree(first, last)) {
    RefuseChain(first, last);
    return last - first + 1;
  }
  // What one of them closes, those behind it do not hold: that close waits for nobody behind it.
  std::vector<int32_t> closed;
  for (uint32_t index = first; index <= last; index++) {
    const uint32_t slot = shared_.submission(index);
    const SubmissionRecord& record = shared_.record(slot);
    const bool closes = record.OpcodeNumber() == static_cast<uint8_t>(Opcode::kClose);
    if (index > first) {
      Hold(slot);
      if (!closes) HoldHandles(ops_[slot], record, closed);
    }
    if (closes) closed.push_back(record.handle_index);
    if (index == first) continue;
    chains_.Append(shared_.submission(index - 1), slot);
  }
  Start(shared_.submission(first));
  return last - first + 1;
}

// Each slot of the batch from `first` to `last` is free, and named once.
bool Engine::AreFree(uint32_t first, uint32_t last) const {
  std::vector<uint32_t> slots;
  for (uint32_t index = first; index <= last; index++) slots.push_back(shared_.submission(index));
  std::sort(slots.begin(), slots.end());
  return std::adjacent_find(slots.begin(), slots.end()) == slots.end() &&
         std::all_of(slots.begin(), slots.end(), [this](uint32_t slot) { return IsFree(slot); });
}

// Nothing of the chain starts: what has a slot of its own is answered, what has none is passed over.
void Engine::RefuseChain(uint32_t first, uint32_t last) {
  std::vector<uint32_t> answered;
  for (uint32_t index = first; index <= last; index++) {
    const uint32_t slot = shared_.submission(index);
    if (IsFree(slot) && std::find(answered.begin(), answered.end(), slot) == answered.end()) {
      answered.push_back(slot);
      Answer(slot, shared_.record(slot), kBadRecord);
    } else {
      shared_.control(kControlPassedOver)++;
    }
  }
}

// Its handles are held as if it had begun: a close that comes meanwhile waits for it.
void Engine::HoldHandles(Op& op, const SubmissionRecord& record, const std::vector<int32_t>& closed) {
  const auto can_hold = [&](int32_t index, uint32_t generation) {
    return handles_.Find(index, generation) != nullptr &&
           std::find(closed.begin(), closed.end(), index) == closed.end();
  };
  const bool two = record.OpcodeNumber() == static_cast<uint8_t>(Opcode::kSplice);
  if (!can_hold(record.handle_index, record.handle_generation)) return;
  if (two && !can_hold(record.second_handle_index, record.second_handle_generation)) return;
  op.handle = record.handle_index;
  handles_.At(op.handle).users++;
  if (!two) return;
  op.second_handle = record.second_handle_index;
  handles_.At(op.second_handle).users++;
}

// In flight without having begun. Its memory is counted on from here, as if it had.
void Engine::Hold(uint32_t slot) {
  const SubmissionRecord& record = shared_.record(slot);
  Op& op = Enter(slot, record, Opcode::kNop);
  op.held = true;
  op.operation = record.operation;
  op.refusal = CheckRecord(record, shared_, buffers_);
  if (op.refusal == 0) op.refusal = Lend(op, record);
}

// Its turn has come: it begins like any other, with the memory that it holds.
void Engine::StartHeld(uint32_t slot) {
  Op held = ops_[slot];
  if (!held.active || !held.held) return;
  const SubmissionRecord& record = shared_.record(slot);
  // Another record than the one that was submitted, and whose memory is held.
  if (record.operation != held.operation || record.generation != held.generation) held.refusal = kBadRecord;
  if (held.refusal < 0) return Complete(slot, held.refusal);
  ops_[slot].active = false;
  in_flight_--;
  starting_ = &held;
  Start(slot);
  starting_ = nullptr;
  GiveBack(held);
  // By now it holds them as any other that has begun, or it has ended.
  if (held.handle >= 0) LetGo(held.handle);
  if (held.second_handle >= 0) LetGo(held.second_handle);
}

void Engine::RunChains() {
  while (!chains_.ready.empty()) {
    const uint32_t slot = chains_.ready.front();
    chains_.ready.pop_front();
    StartHeld(slot);
  }
}

void Engine::EndInChain(uint32_t slot, bool well) {
  uint32_t next = chains_.Remove(slot);
  if (next == kNoSlot) return;
  if (!stopping_ && well) {
    chains_.ready.push_back(next);
    return;
  }
  // One after the other rather than each by the one before it: a chain may be as long as a batch.
  while (next != kNoSlot) {
    const uint32_t canceled = next;
    next = chains_.Remove(canceled);
    Complete(canceled, -ECANCELED);
  }
}

}  // namespace baton::epoll
