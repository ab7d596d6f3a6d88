// Files: reads that the page cache can serve are made at once, everything else on a worker thread.
#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>

#include "engine.h"

namespace baton::epoll {

void Engine::StartTransfer(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  Op& op = Enter(slot, record, opcode);
  UseHandle(op, record);
  if (opcode == Opcode::kReadv || opcode == Opcode::kWritev) {
    LendVector(op, record);
  } else {
    LendMemory(op, record);
  }
  Handles::Cell& cell = handles_.At(record.handle_index);
  if (!cell.state.pollable) return StartFileTransfer(slot, record, cell.state, cell.fd);
  const Side side = op.writes() ? Side::kWrite : Side::kRead;
  if (!QueueOf(cell.state, side).empty() || !Attempt(slot)) Wait(slot, record.handle_index, side);
}

void Engine::StartFileTransfer(uint32_t slot, const SubmissionRecord& record, const HandleState& state, int fd) {
  Op& op = ops_[slot];
  const bool writes = op.writes();
  const int64_t position = record.Position();
  Parts parts = op.parts();
  size_t done = 0;
  // Only reads are tried here. A write waits where a file system is frozen, whatever it is told about not waiting:
  // pwritev2(2) asks for leave to write before it looks at its flags (seen on Linux 6.18).
  bool attempts = !writes && !state.direct && without_nowait_.count(state.device) == 0;
  while (attempts) {
    const int64_t at = position < 0 ? -1 : position + static_cast<int64_t>(done);
    counters_.nowait_attempts++;
    const int64_t moved = AttemptFileRead(fd, parts, at);
    if (moved == -EAGAIN) break;
    if (moved == -EOPNOTSUPP || moved == -ENOSYS) {
      // Noticed once; a file system does not change its mind.
      counters_.nowait_refusals++;
      without_nowait_.insert(state.device);
      break;
    }
    if (moved == 0) {
      // It may be the end of the file. It may as well be Linux 5.9 or 5.10, where a read that must not wait answers 0
      // before the end (preadv2(2), BUGS). Only a read that may wait is believed; what is there until then is no end,
      // except for what is chained behind it.
      if (done == 0 || record.Has(kSubmitLink)) break;
      return Complete(slot, static_cast<int32_t>(done));
    }
    if (moved < 0) return Complete(slot, static_cast<int32_t>(done > 0 ? static_cast<int64_t>(done) : moved));
    done += static_cast<size_t>(moved);
    parts.Advance(static_cast<size_t>(moved));
    // Only part of it was in the cache, or it is the end of the file: the next try tells which.
    if (parts.bytes() == 0) return Complete(slot, static_cast<int32_t>(done));
  }
  const int64_t rest = position < 0 ? -1 : position + static_cast<int64_t>(done);
  op.moved = static_cast<uint32_t>(done);
  Hand(slot, std::make_unique<TransferJob>(IdOf(slot), writes, fd, parts.Copy(), rest, done));
}

void Engine::StartOpen(uint32_t slot, const SubmissionRecord& record) {
  if (record.handle_index >= 0) return ResumeOpen(slot, record);
  Enter(slot, record, Opcode::kOpen);
  Hand(slot,
       std::make_unique<OpenJob>(IdOf(slot), PathOf(record), record.argument0, static_cast<mode_t>(record.argument1)));
}

// The reading end of a FIFO is open since an earlier try: has the other end come?
void Engine::ResumeOpen(uint32_t slot, const SubmissionRecord& record) {
  const Handles::Cell* cell = handles_.Find(record.handle_index, record.handle_generation);
  if (cell == nullptr) return Answer(slot, record, -EBADF);
  const HandleId id{record.handle_index, record.handle_generation};
  if (HasHadWriter(cell->fd)) {
    WriteOpenAnswer(-1, shared_.arena(record.arena_offset));
    return Answer(slot, record, id.index, id.generation << kAuxiliaryShift);
  }
  WriteBegun(id, shared_.arena(record.arena_offset));
  Answer(slot, record, -EAGAIN, kCompletionBegun);
}

void Engine::StartStat(uint32_t slot, const SubmissionRecord& record, int fd) {
  Op& op = Enter(slot, record, Opcode::kStat);
  if (record.argument0 == 0) UseHandle(op, record);
  const int flags = record.argument0 == 0 ? AT_EMPTY_PATH : record.argument0 == 2 ? AT_SYMLINK_NOFOLLOW : 0;
  std::string path = record.argument0 == 0 ? std::string() : PathOf(record);
  Hand(slot, std::make_unique<StatJob>(IdOf(slot), fd, std::move(path), flags));
}

void Engine::StartOnFile(uint32_t slot, const SubmissionRecord& record, Opcode opcode, int fd) {
  Op& op = Enter(slot, record, opcode);
  UseHandle(op, record);
  Hand(slot, MakeFileJob(IdOf(slot), record, opcode, fd));
}

void Engine::StartOnPaths(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  Enter(slot, record, opcode);
  Hand(slot, MakePathJob(IdOf(slot), record, opcode, shared_.arena(record.arena_offset)));
}

std::string Engine::PathOf(const SubmissionRecord& record) const {
  return std::string(reinterpret_cast<const char*>(shared_.arena(record.arena_offset)), record.length);
}

}  // namespace baton::epoll
