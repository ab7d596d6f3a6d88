// Waiting, being woken, and ending.
#include <sys/stat.h>

#include "engine.h"

namespace baton::epoll {

namespace {

constexpr int kEventsMax = 256;
}  // namespace

// --- attempting -----------------------------------------------------------------------------------------------------

bool Engine::Attempt(uint32_t slot, int fd) {
  Op& op = ops_[slot];
  const SubmissionRecord& record = shared_.record(slot);
  uint8_t* data = nullptr;
  if (record.buffer >= 0) data = buffers_.Find(static_cast<uint32_t>(record.buffer))->data + record.buffer_offset;
  int64_t result;
  uint32_t flags = 0;
  switch (op.opcode) {
    case Opcode::kReceive:
      result = record.Has(kSubmitBufferSelect)
                   ? AttemptPicked(record, fd, &flags)
                   : AttemptReceive(fd, data, record.length, static_cast<int>(record.argument0));
      break;
    case Opcode::kSend:
      result = AttemptSend(fd, data, record.length, static_cast<int>(record.argument0));
      break;
    case Opcode::kAccept: {
      if (op.multishot) return AttemptMultishotAccept(slot, fd);
      result = AttemptAccept(fd);
      if (result < 0) break;
      int32_t handle;
      flags = AdoptFd(static_cast<int>(result), HandleState::Kind::kSocket, true, &handle);
      result = handle;
      break;
    }
    case Opcode::kRead:
      result = AttemptStreamRead(fd, data, record.length);
      break;
    case Opcode::kWrite:
      result = AttemptStreamWrite(fd, data, record.length);
      break;
    default:
      BATON_CHECK(false && "never waits for a descriptor");
  }
  if (result == -EAGAIN) return false;
  Complete(slot, static_cast<int32_t>(result), flags);
  return true;
}

bool Engine::AttemptMultishotAccept(uint32_t slot, int fd) {
  for (;;) {
    const int64_t accepted = AttemptAccept(fd);
    if (accepted == -EAGAIN) return false;
    if (accepted < 0) {
      Complete(slot, static_cast<int32_t>(accepted));
      return true;
    }
    int32_t handle;
    const uint32_t flags = AdoptFd(static_cast<int>(accepted), HandleState::Kind::kSocket, true, &handle);
    CompleteMore(slot, handle, flags);
  }
}

// A receive into a buffer that is picked now, when there is something to receive.
int64_t Engine::AttemptPicked(const SubmissionRecord& record, int fd, uint32_t* flags) {
  if (provided_.empty()) {
    // Nobody shall wait for a buffer that may never come while there is nothing to receive.
    char probe;
    const int64_t peeked = AttemptReceive(fd, &probe, 1, MSG_PEEK);
    return peeked > 0 ? -ENOBUFS : peeked;
  }
  const uint32_t number = provided_.back();
  const BufferCell* cell = buffers_.Find(number);
  const size_t length = std::min<size_t>(record.length, cell->length);
  const int64_t result = AttemptReceive(fd, cell->data, length, static_cast<int>(record.argument0));
  if (result > 0) {
    provided_.pop_back();
    *flags = number << kAuxiliaryShift | kCompletionBufferPicked;
  }
  return result;
}

// --- waiting --------------------------------------------------------------------------------------------------------

void Engine::Wait(uint32_t slot, int32_t handle, Side side) {
  Handles::Cell& cell = handles_.At(handle);
  if (!cell.state.registered) {
    const Token token{static_cast<uint32_t>(handle), cell.generation};
    const int error = poller_->Add(cell.fd, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    if (error < 0) return Complete(slot, error);
    cell.state.registered = true;
  }
  QueueOf(cell.state, side).PushBack(ops_, slot, side);
}

void Engine::Drain(int32_t handle, Side side) {
  for (;;) {
    Handles::Cell& cell = handles_.At(handle);
    FdQueue& queue = QueueOf(cell.state, side);
    if (queue.empty()) return;
    // It stays in the queue until it has ended: ending takes it out.
    if (!Attempt(queue.front(), cell.fd)) return;
  }
}

void Engine::OnEvent(const epoll_event& event) {
  const Token token = Token::Unpack(event.data.u64);
  if (token.index == Token::kOwn) {
    if (token.generation == kTimers) {
      timers_.Take([this](uint32_t slot) { Complete(slot, 0); });
    } else {
      for (const auto& job : workers_.Collect()) OnJobDone(*job);
    }
    return;
  }
  if ((token.index & kConnectToken) != 0) {
    const uint32_t slot = token.index & ~kConnectToken;
    if (ops_[slot].active && ops_[slot].generation == token.generation) OnConnectEvent(slot);
    return;
  }
  const auto handle = static_cast<int32_t>(token.index);
  // An event of a descriptor that was closed meanwhile must not reach its successor.
  if (!handles_.IsCurrent(handle, token.generation)) return;
  constexpr uint32_t kReadable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
  constexpr uint32_t kWritable = EPOLLOUT | EPOLLHUP | EPOLLERR;
  if ((event.events & kReadable) != 0) Drain(handle, Side::kRead);
  if ((event.events & kWritable) != 0) Drain(handle, Side::kWrite);
}

void Engine::OnConnectEvent(uint32_t slot) {
  Op& op = ops_[slot];
  const auto error = static_cast<int32_t>(FinishConnect(op.fd));
  if (error < 0) {
    close(op.fd);
    return Complete(slot, error);
  }
  // From here on it is registered, if at all, under its handle.
  poller_->Remove(op.fd);
  int32_t handle;
  const uint32_t flags = AdoptFd(op.fd, HandleState::Kind::kSocket, true, &handle);
  Complete(slot, handle, flags);
}

uint32_t Engine::Reap() {
  epoll_event events[kEventsMax];
  const int count = poller_->Take(events, kEventsMax);
  for (int index = 0; index < count; index++) OnEvent(events[index]);
  return Collect();
}

void Engine::TakeProvided() {
  uint32_t& count = shared_.control(kControlProvidedCount);
  for (uint32_t index = 0; index < count; index++) provided_.push_back(shared_.provided(index));
  count = 0;
}

// --- threads --------------------------------------------------------------------------------------------------------

void Engine::Hand(uint32_t slot, std::unique_ptr<Job> job) {
  ops_[slot].job = job.get();
  if (workers_.Add(std::move(job))) return;
  ops_[slot].job = nullptr;
  Complete(slot, -EAGAIN);
}

void Engine::OnJobDone(Job& job) {
  const uint32_t slot = job.id.slot;
  Op& op = ops_[slot];
  BATON_CHECK(op.active && op.generation == job.id.generation && op.job == &job);
  op.job = nullptr;
  auto result = static_cast<int32_t>(job.result);
  uint32_t flags = 0;
  if (op.opcode == Opcode::kOpen && result >= 0) {
    const bool pollable = OpenJob::IsPollable(static_cast<OpenJob&>(job).type);
    flags = AdoptFd(result, HandleState::Kind::kFile, pollable, &result);
    // A direct read is submitted to the device at once and waited for, whatever it is told about not waiting.
    if (result >= 0 && (shared_.record(slot).argument0 & kOpenDirect) != 0) handles_.At(result).state.no_nowait = true;
  } else if (op.opcode == Opcode::kStat && result == 0) {
    WriteStat(static_cast<StatJob&>(job).answer, shared_.arena(shared_.record(slot).arena_offset));
  }
  Complete(slot, result, flags);
}

bool Engine::CancelNow(uint32_t slot) {
  Op& op = ops_[slot];
  if (op.job != nullptr) {
    // A thread has begun it: it runs to its end.
    if (!op.job->Withdraw()) return false;
    op.job = nullptr;
  } else if (op.opcode == Opcode::kClose) {
    // It waits for the operations that use its descriptor.
    return false;
  }
  if (op.opcode == Opcode::kTimer) timers_.Remove(slot, op.deadline_ns);
  if (op.opcode == Opcode::kConnect) close(op.fd);
  // What was moved before the rest was handed to a thread is what happened.
  Complete(slot, op.moved > 0 ? static_cast<int32_t>(op.moved) : -ECANCELED);
  return true;
}

// --- ending ---------------------------------------------------------------------------------------------------------

void Engine::Complete(uint32_t slot, int32_t result, uint32_t flags) {
  ready_.push_back({slot, ops_[slot].generation, result, flags});
  Leave(slot);
}

void Engine::CompleteMore(uint32_t slot, int32_t result, uint32_t flags) {
  ready_.push_back({slot, ops_[slot].generation, result, flags | kCompletionMore});
}

void Engine::Answer(uint32_t slot, const SubmissionRecord& record, int32_t result, uint32_t flags) {
  ready_.push_back({slot, record.generation, result, flags});
}

uint32_t Engine::AdoptFd(int fd, HandleState::Kind kind, bool pollable, int32_t* result) {
  if (stopping_) {
    close(fd);
    *result = -ECANCELED;
    return 0;
  }
  HandleState state;
  state.kind = kind;
  state.pollable = pollable;
  const HandleId id = handles_.Add(fd, state);
  *result = id.index;
  return id.generation << kAuxiliaryShift;
}

void Engine::Leave(uint32_t slot) {
  Op& op = ops_[slot];
  const int32_t handle = op.handle;
  if (op.link.side != Side::kNone) QueueOf(handles_.At(handle).state, op.link.side).Remove(ops_, slot);
  if (op.slab != nullptr) op.slab->Unref();
  op.slab = nullptr;
  op.active = false;
  in_flight_--;
  if (handle < 0 || op.opcode == Opcode::kClose) return;
  Handles::Cell& cell = handles_.At(handle);
  if (--cell.users == 0 && cell.state.close_slot != kNoSlot) ReleaseHandle(handle);
}

void Engine::ReleaseHandle(int32_t handle) {
  Handles::Cell& cell = handles_.At(handle);
  const uint32_t slot = cell.state.close_slot;
  const int fd = cell.fd;
  const bool may_block = cell.state.kind == HandleState::Kind::kFile && !cell.state.pollable;
  if (cell.state.registered) poller_->Remove(fd);
  handles_.Recycle(handle);
  if (may_block && !stopping_) return Hand(slot, std::make_unique<CloseJob>(IdOf(slot), fd));
  Complete(slot, close(fd) == 0 ? 0 : -errno);
}

uint32_t Engine::Collect() {
  CompletionRecord* out = shared_.completions();
  const uint32_t max = shared_.limits().completion_batch_max;
  uint32_t count = 0;
  while (count < max && !ready_.empty()) {
    out[count++] = ready_.front();
    ready_.pop_front();
  }
  shared_.control(kControlCompletionCount) = count;
  shared_.control(kControlCompletionsWaiting) = ready_.empty() ? 0 : 1;
  return count;
}

uint32_t Engine::Shutdown(uint64_t deadline_ms) {
  stopping_ = true;
  for (uint32_t slot = 0; slot < shared_.limits().slots; slot++) {
    if (ops_[slot].active) (void)CancelNow(slot);
  }
  const uint32_t hanging = workers_.Stop(deadline_ms);
  for (const auto& job : workers_.Collect()) OnJobDone(*job);
  ready_.clear();
  handles_.ForEachOpen([](int32_t, Handles::Cell& cell) { close(cell.fd); });
  return hanging == 0 ? 0 : in_flight_;
}

}  // namespace baton::epoll
