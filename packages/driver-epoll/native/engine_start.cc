// Starting operations: each is looked at once, and goes to where it is tried.
#include <algorithm>
#include <utility>

#include "baton/adopt_call.h"
#include "baton/record_check.h"
#include "baton/socket_calls.h"
#include "engine.h"
#include "non_blocking.h"

namespace baton::epoll {

Engine::Engine(SharedMemory shared, std::unique_ptr<Poller> poller, const EngineOptions& options)
    : shared_(std::move(shared)),
      poller_(std::move(poller)),
      workers_(options.threads_max),
      ops_(static_cast<Op*>(std::calloc(shared_.limits().slots, sizeof(Op)))) {}

Result<std::unique_ptr<Engine>> Engine::Create(SharedMemory shared, const EngineOptions& options) {
  using Made = Result<std::unique_ptr<Engine>>;
  auto poller = Poller::Create();
  if (!poller.ok()) return Made::Error(poller.error());
  auto engine = std::unique_ptr<Engine>(new Engine(std::move(shared), poller.Take(), options));
  if (engine->ops_ == nullptr) return Made::Error(-ENOMEM);
  int error = engine->timers_.error();
  if (error == 0) error = engine->workers_.error();
  if (error < 0) return Made::Error(error);
  // Level-triggered: they are read until nothing is left, and may be asked again.
  error = engine->poller_->Add(engine->workers_.done_fd(), Token::Own(kWorkers), EPOLLIN);
  if (error == 0) error = engine->poller_->Add(engine->timers_.fd(), Token::Own(kTimers), EPOLLIN);
  if (error < 0) return Made::Error(error);
  return Made(std::move(engine));
}

uint32_t Engine::Submit(uint32_t count) {
  TakeProvided();
  for (uint32_t index = 0; index < count;) {
    const uint32_t slot = shared_.submission(index);
    if (!IsFree(slot)) [[unlikely]] {
      // There is nobody to answer.
      shared_.control(kControlPassedOver)++;
      index++;
    } else if (shared_.record(slot).Has(kSubmitLink)) [[unlikely]] {
      index += StartChain(index, count);
      // What comes behind it in the batch may be meant for one of its members.
      RunChains();
    } else {
      Start(slot);
      index++;
    }
  }
  Settle();
  Collect();
  return count;
}

void Engine::Start(uint32_t slot) {
  const SubmissionRecord& record = shared_.record(slot);
  const Memory memory = starting_ == nullptr ? Memory::kNamed : Memory::kHeld;
  if (const int32_t wrong = CheckRecord(record, shared_, buffers_, memory); wrong < 0) {
    return Answer(slot, record, wrong);
  }
  const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
  Dispatch(slot, record, opcode);
  if (record.Has(kSubmitTimeout)) ArmTimeout(slot, record);
}

void Engine::Dispatch(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  switch (opcode) {
    case Opcode::kNop:
      return Answer(slot, record, 0);
    case Opcode::kCancel:
      return StartCancel(slot, record);
    case Opcode::kOpen:
      return StartOpen(slot, record);
    case Opcode::kAdopt:
      return StartAdopt(slot, record);
    case Opcode::kListen:
      return StartListen(slot, record);
    case Opcode::kConnect:
      return StartConnect(slot, record);
    case Opcode::kDatagram:
      return StartDatagram(slot, record);
    case Opcode::kTimer:
      return StartTimer(slot, record);
    case Opcode::kPipe:
      return StartPipe(slot, record);
    case Opcode::kSplice:
      return StartSplice(slot, record);
    BATON_CASE_PATH_CALL:
      return StartOnPaths(slot, record, opcode);
    case Opcode::kStat:
      if (record.argument0 != 0) return StartStat(slot, record, AT_FDCWD);
      return StartOnHandle(slot, record, opcode);
    case Opcode::kClose:
    case Opcode::kRead:
    case Opcode::kWrite:
    case Opcode::kReadv:
    case Opcode::kWritev:
    BATON_CASE_FILE_CALL:
    case Opcode::kAccept:
    case Opcode::kReceive:
    case Opcode::kSend:
    case Opcode::kReceiveMessage:
    case Opcode::kSendMessage:
    case Opcode::kShutdown:
    case Opcode::kAddress:
    case Opcode::kPoll:
      return StartOnHandle(slot, record, opcode);
  }
}

void Engine::StartOnHandle(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  Handles::Cell* cell = FindHandle(record.handle_index, record.handle_generation);
  if (cell == nullptr) return Answer(slot, record, -EBADF);
  const int fd = cell->fd;
  switch (opcode) {
    case Opcode::kClose:
      return StartClose(slot, record);
    case Opcode::kAddress:
      return Answer(slot, record,
                    EndAddress(fd, static_cast<int>(record.argument0), shared_.arena(record.arena_offset)));
    case Opcode::kShutdown:
      return Answer(slot, record, shutdown(fd, static_cast<int>(record.argument0)) == 0 ? 0 : -errno);
    case Opcode::kStat:
      return StartStat(slot, record, fd);
    case Opcode::kRead:
    case Opcode::kWrite:
    case Opcode::kReadv:
    case Opcode::kWritev:
      return StartTransfer(slot, record, opcode);
    BATON_CASE_FILE_CALL:
      return StartOnFile(slot, record, opcode, fd);
    case Opcode::kAccept:
    case Opcode::kReceive:
    case Opcode::kSend:
    case Opcode::kReceiveMessage:
    case Opcode::kSendMessage:
    case Opcode::kPoll:
      return StartOnSocket(slot, record, opcode);
    case Opcode::kSplice:
    BATON_CASE_NO_HANDLE:
      return Answer(slot, record, -EINVAL);
  }
}

void Engine::StartAdopt(uint32_t slot, const SubmissionRecord& record) {
  Adoptee adoptee;
  const int fd = static_cast<int>(record.argument0);
  int error = LookAtGiven(handles_, record, &adoptee);
  if (error == 0 && adoptee.pollable()) error = MakeNonBlocking(fd, adoptee);
  if (error < 0) return Answer(slot, record, error);
  WriteAdoptAnswer(adoptee, record.argument1, shared_.arena(record.arena_offset));
  HandleState state;
  state.pollable = adoptee.pollable();
  state.device = adoptee.device;
  state.direct = adoptee.direct();
  state.seekable = adoptee.position >= 0;
  state.named = record.argument1 == kAdoptFile;
  int32_t handle;
  const uint32_t flags = AdoptFd(fd, state, &handle);
  Answer(slot, record, handle, flags);
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

void Engine::StartCancel(uint32_t slot, const SubmissionRecord& record) {
  const uint32_t target = record.argument0;
  if (target >= shared_.limits().slots || !ops_[target].active || ops_[target].generation != record.argument1) {
    return Answer(slot, record, -ENOENT);
  }
  Answer(slot, record, CancelNow(target) ? 0 : -EALREADY);
}

namespace {
constexpr int64_t kNsPerMicrosecond = 1000;
}  // namespace

void Engine::StartTimer(uint32_t slot, const SubmissionRecord& record) {
  Op& op = Enter(slot, record, Opcode::kTimer);
  op.deadline_ns = timers_.Add(TimerNumber(slot, TimerKind::kDeadline), record.Position() * kNsPerMicrosecond);
  op.has_timer = true;
}

// The time it may take, counted from its start; what has ended by now needs none.
void Engine::ArmTimeout(uint32_t slot, const SubmissionRecord& record) {
  Op& op = ops_[slot];
  if (!op.active || op.generation != record.generation) return;
  const int64_t allowed_ns = record.TimeoutUs() * kNsPerMicrosecond;
  if (op.has_timer) {
    // A timer that is due before its time is up ends by itself.
    if (record.Position() * kNsPerMicrosecond <= allowed_ns) return;
    timers_.Remove(TimerNumber(slot, TimerKind::kDeadline), op.deadline_ns);
  }
  op.deadline_ns = timers_.Add(TimerNumber(slot, TimerKind::kDeadline), allowed_ns);
  op.has_timer = true;
  op.timer_is_timeout = true;
}

Op& Engine::Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  BATON_CHECK(slot < shared_.limits().slots);
  slots_used_ = std::max(slots_used_, slot + 1);
  Op& op = ops_[slot];
  BATON_CHECK(!op.active);
  op = {};
  op.generation = record.generation;
  op.opcode = opcode;
  op.active = true;
  op.waits_at = -1;
  op.handle = -1;
  op.second_handle = -1;
  op.fd = -1;
  if (InfoOf(opcode).area != AreaContent::kNone) [[unlikely]]
    op.area = shared_.arena(record.arena_offset);
  in_flight_++;
  return op;
}

Engine::Handles::Cell* Engine::FindHandle(int32_t index, uint32_t generation) {
  const bool is_held = starting_ != nullptr && starting_->handle >= 0;
  return is_held ? handles_.FindHeld(index, generation) : handles_.Find(index, generation);
}

void Engine::UseHandle(Op& op, const SubmissionRecord& record) {
  op.handle = record.handle_index;
  handles_.At(record.handle_index).users++;
}

// Where the operation's buffer is, which `CheckRecord` has found; from here on the operation counts on it. What was
// held in a chain counts on it already, and the buffer may have been freed since.
void Engine::LendMemory(Op& op, const SubmissionRecord& record) {
  if (starting_ != nullptr) {
    op.part = starting_->part;
    op.slab = std::exchange(starting_->slab, nullptr);
    return;
  }
  const BufferCell& cell = buffers_.At(static_cast<uint32_t>(record.buffer));
  op.slab = cell.slab;
  if (op.slab != nullptr) op.slab->Ref();
  op.part = {cell.data + record.buffer_offset, record.length};
}

void Engine::LendVector(Op& op, const SubmissionRecord& record) {
  if (starting_ != nullptr) {
    op.vector = std::exchange(starting_->vector, nullptr);
    return;
  }
  op.vector = vectors_.Take();
  op.vector->Take(shared_.arena(record.arena_offset), record.vector_count, buffers_);
}

int Engine::Lend(Op& op, const SubmissionRecord& record) {
  const OpcodeInfo& info = InfoOf(static_cast<Opcode>(record.OpcodeNumber()));
  if (info.area == AreaContent::kMessage) return LendMessage(op, record);
  if (info.area == AreaContent::kVector) {
    LendVector(op, record);
  } else if (NamesBuffer(info, record)) {
    LendMemory(op, record);
  }
  return 0;
}

// 0, or a negative errno with nothing lent.
int Engine::LendMessage(Op& op, const SubmissionRecord& record) {
  if (starting_ != nullptr && starting_->message != nullptr) {
    op.message = std::exchange(starting_->message, nullptr);
    return 0;
  }
  const uint8_t* area = shared_.arena(record.arena_offset);
  Message* message = messages_.Take();
  if (static_cast<Opcode>(record.OpcodeNumber()) == Opcode::kReceiveMessage) {
    message->PrepareReceive(area, record.vector_count, buffers_);
  } else if (const int error = message->PrepareSend(area, record.vector_count, buffers_); error < 0) {
    messages_.Give(message);
    return error;
  }
  op.message = message;
  return 0;
}

}  // namespace baton::epoll
