// Starting operations: each is decoded, checked, and tried.
#include <sys/stat.h>

#include <limits>

#include "engine.h"

namespace baton::epoll {

Engine::Engine(SharedMemory shared, std::unique_ptr<Poller> poller, const EngineOptions& options)
    : shared_(std::move(shared)),
      poller_(std::move(poller)),
      workers_(options.threads_max),
      ops_(static_cast<Op*>(std::calloc(shared_.limits().slots, sizeof(Op)))) {
  BATON_CHECK(ops_ != nullptr);
}

Result<std::unique_ptr<Engine>> Engine::Create(SharedMemory shared, const EngineOptions& options) {
  using Made = Result<std::unique_ptr<Engine>>;
  auto poller = Poller::Create();
  if (!poller.ok()) return Made::Error(poller.error());
  auto engine = std::unique_ptr<Engine>(new Engine(std::move(shared), poller.Take(), options));
  // Level-triggered: they are read until nothing is left, and may be asked again.
  int error = engine->poller_->Add(engine->workers_.done_fd(), Token::Own(kWorkers), EPOLLIN);
  if (error == 0) error = engine->poller_->Add(engine->timers_.fd(), Token::Own(kTimers), EPOLLIN);
  if (error < 0) return Made::Error(error);
  return Made(std::move(engine));
}

uint64_t Engine::quarantined_bytes() const {
  uint64_t bytes = 0;
  for (uint32_t slot = 0; slot < shared_.limits().slots; slot++) {
    if (ops_[slot].active && ops_[slot].slab != nullptr) bytes += shared_.record(slot).length;
  }
  return bytes;
}

uint32_t Engine::Submit(uint32_t count) {
  TakeProvided();
  for (uint32_t index = 0; index < count; index++) Start(shared_.submission(index));
  Collect();
  return count;
}

void Engine::Start(uint32_t slot) {
  const SubmissionRecord& record = shared_.record(slot);
  if (!IsOpcode(record.OpcodeNumber())) return Answer(slot, record, -EINVAL);
  const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
  // A flag is never passed over in silence.
  if (record.Has(kSubmitLink)) return Answer(slot, record, -EOPNOTSUPP);
  if (record.Has(kSubmitMultishot) && opcode != Opcode::kAccept) return Answer(slot, record, -EOPNOTSUPP);
  if (record.Has(kSubmitBufferSelect) && opcode != Opcode::kReceive) return Answer(slot, record, -EOPNOTSUPP);
  switch (opcode) {
    case Opcode::kNop:
      return Answer(slot, record, 0);
    case Opcode::kCancel:
      return StartCancel(slot, record);
    case Opcode::kOpen:
      return StartOpen(slot, record);
    case Opcode::kListen:
      return StartListen(slot, record);
    case Opcode::kConnect:
      return StartConnect(slot, record);
    case Opcode::kTimer:
      return StartTimer(slot, record);
    case Opcode::kStat:
      if (record.argument0 != 0) return StartStat(slot, record, AT_FDCWD);
      [[fallthrough]];
    case Opcode::kClose:
    case Opcode::kRead:
    case Opcode::kWrite:
    case Opcode::kFsync:
    case Opcode::kFdatasync:
    case Opcode::kTruncate:
    case Opcode::kAccept:
    case Opcode::kReceive:
    case Opcode::kSend:
    case Opcode::kShutdown:
    case Opcode::kAddress:
      return StartOnHandle(slot, record, opcode);
    case Opcode::kReadv:
    case Opcode::kWritev:
    case Opcode::kReceiveMessage:
    case Opcode::kSendMessage:
    case Opcode::kDatagram:
    case Opcode::kSplice:
    case Opcode::kPipe:
    case Opcode::kAllocate:
    case Opcode::kAdvise:
    case Opcode::kUnlink:
    case Opcode::kRename:
    case Opcode::kMkdir:
    case Opcode::kHardlink:
    case Opcode::kSymlink:
    case Opcode::kPoll:
      return Answer(slot, record, -EOPNOTSUPP);
  }
}

void Engine::StartOnHandle(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  Handles::Cell* cell = handles_.Find(record.handle_index, record.handle_generation);
  if (cell == nullptr) return Answer(slot, record, -EBADF);
  const int fd = cell->fd;
  switch (opcode) {
    case Opcode::kClose:
      return StartClose(slot, record);
    case Opcode::kAddress:
      return Answer(slot, record, EndAddress(fd, static_cast<int>(record.argument0), shared_.arena(record.arena_offset)));
    case Opcode::kShutdown:
      return Answer(slot, record, shutdown(fd, static_cast<int>(record.argument0)) == 0 ? 0 : -errno);
    case Opcode::kStat:
      return StartStat(slot, record, fd);
    case Opcode::kRead:
    case Opcode::kWrite:
      return StartTransfer(slot, record, cell->state, fd);
    case Opcode::kFsync:
    case Opcode::kFdatasync:
    case Opcode::kTruncate: {
      Op& op = Enter(slot, record, opcode);
      op.handle = record.handle_index;
      cell->users++;
      return Hand(slot, std::make_unique<HandleJob>(IdOf(slot), opcode, fd, record.Position()));
    }
    default:
      break;
  }
  // Sockets: receive, send, accept.
  const Side side = opcode == Opcode::kSend ? Side::kWrite : Side::kRead;
  const bool first = QueueOf(cell->state, side).empty();
  Op& op = Enter(slot, record, opcode);
  op.handle = record.handle_index;
  op.multishot = record.Has(kSubmitMultishot);
  cell->users++;
  if (record.buffer >= 0) (void)LendMemory(op, record);
  // In order: whoever came before must be served before.
  if (!first || !Attempt(slot, fd)) Wait(slot, record.handle_index, side);
}

void Engine::StartTransfer(uint32_t slot, const SubmissionRecord& record, HandleState& state, int fd) {
  const bool writes = static_cast<Opcode>(record.OpcodeNumber()) == Opcode::kWrite;
  Op& op = Enter(slot, record, writes ? Opcode::kWrite : Opcode::kRead);
  op.handle = record.handle_index;
  handles_.At(record.handle_index).users++;
  uint8_t* data = LendMemory(op, record);
  const Side side = writes ? Side::kWrite : Side::kRead;
  if (state.pollable) {
    if (!QueueOf(state, side).empty() || !Attempt(slot, fd)) Wait(slot, record.handle_index, side);
    return;
  }
  const int64_t position = record.Position();
  size_t done = 0;
  while (!state.no_nowait) {
    const int64_t at = position < 0 ? -1 : position + static_cast<int64_t>(done);
    const int64_t moved = writes ? AttemptWrite(fd, data + done, record.length - done, at)
                                 : AttemptRead(fd, data + done, record.length - done, at);
    if (moved == -EAGAIN) break;
    if (moved == -EOPNOTSUPP || moved == -ENOSYS) {
      // Noticed once; a file system does not change its mind.
      state.no_nowait = true;
      break;
    }
    if (moved < 0) return Complete(slot, done > 0 ? static_cast<int32_t>(done) : static_cast<int32_t>(moved));
    done += static_cast<size_t>(moved);
    // Only part of it was in the cache, or it is the end of the file: the next try tells which.
    if (moved == 0 || done == record.length) return Complete(slot, static_cast<int32_t>(done));
  }
  const int64_t rest = position < 0 ? -1 : position + static_cast<int64_t>(done);
  op.moved = static_cast<uint32_t>(done);
  Hand(slot, std::make_unique<TransferJob>(IdOf(slot), writes, fd, data + done, record.length - done, rest, done));
}

void Engine::StartClose(uint32_t slot, const SubmissionRecord& record) {
  Handles::Cell& cell = handles_.At(record.handle_index);
  handles_.Close(record.handle_index);
  Op& op = Enter(slot, record, Opcode::kClose);
  op.handle = record.handle_index;
  cell.state.close_slot = slot;
  // The descriptor goes when the last operation that holds it has ended.
  if (cell.users == 0) ReleaseHandle(record.handle_index);
}

void Engine::StartConnect(uint32_t slot, const SubmissionRecord& record) {
  SystemAddress address;
  auto fd = PrepareConnect(shared_.arena(record.arena_offset), record.argument0, SOCK_NONBLOCK, &address);
  if (!fd.ok()) return Answer(slot, record, fd.error());
  const int failed = connect(fd.value().get(), address.get(), address.length);
  const int error = failed == 0 ? 0 : -errno;
  // An interrupted connect goes on in the background, like one that is in progress.
  if (error < 0 && error != -EINPROGRESS && error != -EINTR) return Answer(slot, record, error);
  Op& op = Enter(slot, record, Opcode::kConnect);
  op.fd = fd.value().Release();
  if (error == 0) return OnConnectEvent(slot);
  // The operation itself is the token: there is no handle until it is connected.
  const Token token{slot | kConnectToken, record.generation};
  const int added = poller_->Add(op.fd, token, EPOLLOUT | EPOLLET | EPOLLONESHOT);
  if (added < 0) {
    close(op.fd);
    Complete(slot, added);
  }
}

void Engine::StartCancel(uint32_t slot, const SubmissionRecord& record) {
  const uint32_t target = record.argument0;
  if (target >= shared_.limits().slots || !ops_[target].active || ops_[target].generation != record.argument1) {
    return Answer(slot, record, -ENOENT);
  }
  Answer(slot, record, CancelNow(target) ? 0 : -EALREADY);
}

void Engine::StartListen(uint32_t slot, const SubmissionRecord& record) {
  auto fd = Listen(shared_.arena(record.arena_offset), record.argument0, static_cast<int>(record.argument1),
                   SOCK_NONBLOCK);
  if (!fd.ok()) return Answer(slot, record, fd.error());
  int32_t result;
  const uint32_t flags = AdoptFd(fd.value().Release(), HandleState::Kind::kListener, true, &result);
  Answer(slot, record, result, flags);
}

void Engine::StartOpen(uint32_t slot, const SubmissionRecord& record) {
  Enter(slot, record, Opcode::kOpen);
  Hand(slot, std::make_unique<OpenJob>(IdOf(slot), PathOf(record), SystemOpenFlags(record.argument0),
                                       static_cast<mode_t>(record.argument1)));
}

void Engine::StartStat(uint32_t slot, const SubmissionRecord& record, int fd) {
  Op& op = Enter(slot, record, Opcode::kStat);
  if (record.argument0 == 0) {
    op.handle = record.handle_index;
    handles_.At(record.handle_index).users++;
  }
  const int flags = record.argument0 == 0 ? AT_EMPTY_PATH : record.argument0 == 2 ? AT_SYMLINK_NOFOLLOW : 0;
  Hand(slot, std::make_unique<StatJob>(IdOf(slot), fd, PathOf(record), flags));
}

void Engine::StartTimer(uint32_t slot, const SubmissionRecord& record) {
  constexpr int64_t kNsPerMicrosecond = 1000;
  Op& op = Enter(slot, record, Opcode::kTimer);
  op.deadline_ns = timers_.Add(slot, record.Position() * kNsPerMicrosecond);
}

Op& Engine::Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  BATON_CHECK(slot < shared_.limits().slots);
  Op& op = ops_[slot];
  BATON_CHECK(!op.active);
  op = {};
  op.generation = record.generation;
  op.opcode = opcode;
  op.active = true;
  op.link = {};
  op.handle = -1;
  op.fd = -1;
  in_flight_++;
  return op;
}

uint8_t* Engine::LendMemory(Op& op, const SubmissionRecord& record) {
  const BufferCell* cell = buffers_.Find(static_cast<uint32_t>(record.buffer));
  BATON_CHECK(cell != nullptr);
  BATON_CHECK(static_cast<size_t>(record.buffer_offset) + record.length <= cell->length);
  op.slab = cell->slab;
  if (op.slab != nullptr) op.slab->Ref();
  return cell->data + record.buffer_offset;
}

std::string Engine::PathOf(const SubmissionRecord& record) const {
  return std::string(reinterpret_cast<const char*>(shared_.arena(record.arena_offset)), record.length);
}

}  // namespace baton::epoll
