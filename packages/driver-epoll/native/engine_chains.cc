// Links: what is chained behind an operation is in flight from the start, holds its memory, and begins when its turn
// comes.
#include <vector>

#include "baton/chain_rules.h"
#include "baton/record_check.h"
#include "engine.h"

namespace baton::epoll {

// Takes the chain of the batch that begins at `first`; returns how many submissions it was.
uint32_t Engine::StartChain(uint32_t first, uint32_t count) {
  const auto is_free = [this](uint32_t slot) { return IsFree(slot); };
  const std::vector<uint32_t> chain = ChainAt(shared_, first, count, is_free);
  const auto taken = static_cast<uint32_t>(chain.size());
  if (!CanTakeChain(chain, is_free)) {
    RefuseChain(chain, shared_, is_free,
                [this](uint32_t slot, int32_t result) { Answer(slot, shared_.record(slot), result); });
    return taken;
  }
  ChainHolds holds;
  // The first starts at once, and holds its handles as any other operation.
  (void)holds.Next(handles_, shared_.record(chain.front()));
  for (size_t index = 1; index < chain.size(); index++) {
    Hold(chain[index], holds.Next(handles_, shared_.record(chain[index])));
    chains_.Append(chain[index - 1], chain[index]);
  }
  Start(chain.front());
  return taken;
}

// In flight without having begun. Its memory and its handles are counted on from here, as if it had.
void Engine::Hold(uint32_t slot, HeldHandles handles) {
  const SubmissionRecord& record = shared_.record(slot);
  Op& op = Enter(slot, record, Opcode::kNop);
  op.held = true;
  op.operation = record.operation;
  op.handle = handles.first;
  op.second_handle = handles.second;
  if (op.handle >= 0) handles_.At(op.handle).users++;
  if (op.second_handle >= 0) handles_.At(op.second_handle).users++;
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
