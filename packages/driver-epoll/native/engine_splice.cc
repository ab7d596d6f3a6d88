// Pipes, and bytes that go between two descriptors without coming here.
#include <fcntl.h>

#include "baton/pipe.h"
#include "engine.h"

namespace baton::epoll {

namespace {

// Tries of a splice whose ends both say that they are ready, before the caller is told to try later.
constexpr uint8_t kSpliceTriesMax = 4;

int64_t Splice(int from, int64_t from_position, int to, int64_t to_position, size_t length) {
  loff_t from_at = from_position;
  loff_t to_at = to_position;
  return Uninterrupted([&] {
    return splice(from, from_position < 0 ? nullptr : &from_at, to, to_position < 0 ? nullptr : &to_at, length,
                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  });
}

}  // namespace

void Engine::StartPipe(uint32_t slot, const SubmissionRecord& record) {
  auto ends = MakePipe(record.length, O_NONBLOCK);
  if (!ends.ok()) return Answer(slot, record, ends.error());
  HandleState state;
  state.pollable = true;
  const HandleId read = handles_.Add(ends.value().read.Release(), state);
  const HandleId write = handles_.Add(ends.value().write.Release(), state);
  WritePipe(read, write, shared_.arena(record.arena_offset));
  Answer(slot, record, 0);
}

void Engine::StartSplice(uint32_t slot, const SubmissionRecord& record) {
  if (FindHandle(record.handle_index, record.handle_generation) == nullptr ||
      FindHandle(record.second_handle_index, record.second_handle_generation) == nullptr) {
    return Answer(slot, record, -EBADF);
  }
  // One of them must be a pipe, and a pipe has two.
  if (record.handle_index == record.second_handle_index) return Answer(slot, record, -EINVAL);
  Op& op = Enter(slot, record, Opcode::kSplice);
  UseHandle(op, record);
  op.second_handle = record.second_handle_index;
  handles_.At(op.second_handle).users++;
  (void)AttemptSplice(slot);
}

// One step of a splice: it waits for its source, then for its destination, and is made when both are ready; here, or
// on a thread where an end is a file. False when it goes on waiting where it stands; it never stands nowhere.
bool Engine::AttemptSplice(uint32_t slot) {
  Op& op = ops_[slot];
  const SubmissionRecord& record = shared_.record(slot);
  Handles::Cell& from = handles_.At(op.handle);
  Handles::Cell& to = handles_.At(op.second_handle);
  while (op.tries < kSpliceTriesMax) {
    // In order: not before whoever waits there already.
    const bool from_turn = op.waits_at == op.handle ? from.state.reads.front() == slot : from.state.reads.empty();
    if (from.state.pollable && op.waits_at != op.second_handle && (!from_turn || ReadyEvents(from.fd, POLLIN) == 0)) {
      return WaitForSplice(slot, op.handle, Side::kRead);
    }
    const bool to_turn = op.waits_at == op.second_handle ? to.state.writes.front() == slot : to.state.writes.empty();
    if (to.state.pollable && (!to_turn || ReadyEvents(to.fd, POLLOUT) == 0)) {
      return WaitForSplice(slot, op.second_handle, Side::kWrite);
    }
    // While it stood at its destination its source may have run dry.
    if (from.state.pollable && ReadyEvents(from.fd, POLLIN) == 0) return WaitForSplice(slot, op.handle, Side::kRead);
    op.tries++;
    if (!from.state.pollable || !to.state.pollable) {
      if (op.link.side != Side::kNone) Unqueue(slot);
      Hand(slot, MakeCallJob(IdOf(slot), [record, from_fd = from.fd, to_fd = to.fd] {
             return Splice(from_fd, record.Position(), to_fd, record.Argument(), record.length);
           }));
      return true;
    }
    const int64_t result = Splice(from.fd, -1, to.fd, -1, record.length);
    if (result == -EAGAIN) continue;
    Complete(slot, static_cast<int32_t>(result));
    return true;
  }
  // Ready and yet not: the caller's own pause is the right one.
  Complete(slot, -EAGAIN);
  return true;
}

// True when it stands in another queue than before.
bool Engine::WaitForSplice(uint32_t slot, int32_t handle, Side side) {
  Op& op = ops_[slot];
  op.tries = 0;
  if (op.waits_at == handle) return false;
  if (op.link.side != Side::kNone) Unqueue(slot);
  Wait(slot, handle, side);
  return true;
}

}  // namespace baton::epoll
