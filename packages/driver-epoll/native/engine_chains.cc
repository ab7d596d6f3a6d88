// Links: what is chained behind an operation is in flight from the start, holds its memory, and begins when its turn
// comes.
#include <algorithm>
#include <cstring>
#include <vector>

#include "engine.h"

namespace baton::epoll {

// Takes a chain of the batch from `first` on; returns how many submissions it was. A chain ends with its first member
// that has no link flag, or with the batch.
uint32_t Engine::StartChain(uint32_t first, uint32_t count) {
  uint32_t last = first;
  while (last + 1 < count && shared_.record(shared_.submission(last)).Has(kSubmitLink)) last++;
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
  if (record.buffer >= 0) LendMemory(op, record);
  if (!IsOpcode(record.OpcodeNumber())) return;
  switch (static_cast<Opcode>(record.OpcodeNumber())) {
    case Opcode::kReadv:
    case Opcode::kWritev:
      return LendVector(op, record);
    case Opcode::kReceiveMessage:
    case Opcode::kSendMessage:
      // An address that is none is told when its turn has come.
      (void)LendMessage(op, record);
      return;
    default:
      return;
  }
}

// Its turn has come: it begins like any other, with the memory that it holds.
void Engine::StartHeld(uint32_t slot) {
  Op held = ops_[slot];
  if (!held.active || !held.held) return;
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

// Transfers of files have to be complete: what follows counts on all of it.
bool Engine::HasEndedWell(const SubmissionRecord& record, int32_t result) const {
  if (result < 0) return false;
  switch (static_cast<Opcode>(record.OpcodeNumber())) {
    case Opcode::kRead:
    case Opcode::kWrite:
      return static_cast<uint32_t>(result) == record.length;
    case Opcode::kReadv:
    case Opcode::kWritev: {
      uint64_t bytes = 0;
      for (uint32_t index = 0; index < record.vector_count; index++) {
        uint32_t length;
        const uint8_t* entry = shared_.arena(record.arena_offset) + index * kVectorEntryBytes;
        std::memcpy(&length, entry + kVectorLengthWord * sizeof(length), sizeof(length));
        bytes += length;
      }
      return static_cast<uint64_t>(result) == bytes;
    }
    default:
      return true;
  }
}

void Engine::EndInChain(uint32_t slot, const SubmissionRecord& record, int32_t result) {
  uint32_t next = chains_.Remove(slot);
  if (next == kNoSlot) return;
  if (!stopping_ && HasEndedWell(record, result)) {
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
