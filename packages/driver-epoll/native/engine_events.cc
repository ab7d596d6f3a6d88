// Waiting, being woken, and being canceled.
#include <algorithm>
#include <utility>

#include "baton/record_check.h"
#include "engine.h"

namespace baton::epoll {

namespace {

constexpr int kEventsMax = 256;
// Pause before the first repetition of what no event announces; doubled each time, up to the last.
constexpr int64_t kRetryFirstNs = 1'000'000;
constexpr uint8_t kRetryDoublingsMax = 6;

}  // namespace

// --- attempting -----------------------------------------------------------------------------------------------------

bool Engine::Attempt(uint32_t slot) {
  Op& op = ops_[slot];
  const SubmissionRecord& record = shared_.record(slot);
  const int fd = handles_.At(op.handle).fd;
  int64_t result = -EINVAL;
  uint32_t flags = 0;
  switch (op.opcode) {
    case Opcode::kReceive:
      if (op.multishot) return AttemptMultishotReceive(slot, fd);
      result = record.Has(kSubmitProvidedBuffer)
                   ? AttemptProvided(record, fd, &flags)
                   : AttemptReceive(fd, op.part.iov_base, op.part.iov_len, static_cast<int>(record.argument0));
      break;
    case Opcode::kSend:
      result = AttemptSend(fd, op.part.iov_base, op.part.iov_len, static_cast<int>(record.argument0));
      break;
    case Opcode::kReceiveMessage:
      result = AttemptReceiveMessage(fd, op.message->header());
      if (result >= 0) op.message->WriteAnswer(op.area);
      break;
    case Opcode::kSendMessage:
      result = AttemptSendMessage(fd, op.message->header());
      // A Unix-domain receiver whose queue is full: the sender's own socket has room, so no event tells of it.
      if (result == -EAGAIN && !op.has_retry && ReadyEvents(fd, POLLOUT) != 0) RetryLater(slot);
      break;
    case Opcode::kAccept: {
      if (op.multishot) return AttemptMultishotAccept(slot, fd);
      result = AttemptAccept(fd);
      if (result < 0) break;
      HandleState state;
      state.pollable = true;
      int32_t handle;
      flags = AdoptFd(static_cast<int>(result), state, &handle);
      result = handle;
      break;
    }
    case Opcode::kRead:
    case Opcode::kReadv:
    case Opcode::kWrite:
    case Opcode::kWritev:
      result = AttemptStreamTransfer(op.writes(), fd, op.parts(),
                                     handles_.At(op.handle).state.seekable ? record.Position() : -1);
      break;
    case Opcode::kPoll:
      result = AttemptPoll(fd, record.argument0);
      break;
    case Opcode::kSplice:
      return AttemptSplice(slot);
    case Opcode::kClose:
    case Opcode::kStat:
    case Opcode::kShutdown:
    case Opcode::kAddress:
    BATON_CASE_NO_HANDLE:
    BATON_CASE_FILE_CALL:
      BATON_CHECK(false && "never waits for a descriptor");
  }
  if (result == -EAGAIN) return false;
  Complete(slot, static_cast<int32_t>(result), flags);
  return true;
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
  ops_[slot].waits_at = handle;
  QueueOf(cell.state, side).PushBack(ops_, slot, side);
}

void Engine::Unqueue(uint32_t slot) {
  Op& op = ops_[slot];
  QueueOf(handles_.At(op.waits_at).state, op.link.side).Remove(ops_, slot);
  op.waits_at = -1;
}

void Engine::Drain(int32_t handle, Side side) {
  for (;;) {
    FdQueue& queue = QueueOf(handles_.At(handle).state, side);
    if (queue.empty()) return;
    // One that pauses is not tried by events: its own failed attempt causes one, and so would go round in circles.
    if (ops_[queue.front()].has_retry) return;
    // It stays in the queue until it has ended: ending takes it out.
    if (!Attempt(queue.front())) return;
  }
}

void Engine::DrainPolls(int32_t handle) {
  uint32_t slot = handles_.At(handle).state.polls.front();
  while (slot != kNoSlot) {
    const uint32_t next = ops_[slot].link.next;
    (void)Attempt(slot);
    slot = next;
  }
}

void Engine::DrainAgain() {
  for (const Again& again : std::exchange(again_, {})) {
    if (handles_.IsCurrent(again.handle, again.generation)) Drain(again.handle, again.side);
  }
}

void Engine::OnEvent(const epoll_event& event) {
  const Token token = Token::Unpack(event.data.u64);
  if (token.index == Token::kOwn) {
    if (token.generation == kTimers) {
      timers_.Take([this](uint32_t number) { OnTimer(number); });
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
  // They look and take nothing, so they come before those that take.
  DrainPolls(handle);
  if ((event.events & kReadable) != 0) Drain(handle, Side::kRead);
  if ((event.events & kWritable) != 0) Drain(handle, Side::kWrite);
}

uint32_t Engine::Reap() {
  epoll_event events[kEventsMax];
  const int count = poller_->Take(events, kEventsMax);
  DrainAgain();
  for (int index = 0; index < count; index++) OnEvent(events[index]);
  Settle();
  return Collect();
}

void Engine::OnTimer(uint32_t number) {
  const uint32_t slot = number >> 1;
  Op& op = ops_[slot];
  BATON_CHECK(op.active);
  if (number == TimerNumber(slot, TimerKind::kRetry)) {
    op.has_retry = false;
    if (op.opcode == Opcode::kConnect) return TryConnect(slot);
    return Drain(op.waits_at, op.link.side);
  }
  op.has_timer = false;
  if (!op.timer_is_timeout) return Complete(slot, 0);
  // What a thread is in runs to its end: then there was time enough.
  (void)CancelNow(slot, kCompletionTimedOut);
}

void Engine::RetryLater(uint32_t slot) {
  Op& op = ops_[slot];
  const int64_t delay_ns = kRetryFirstNs << op.tries;
  if (op.tries < kRetryDoublingsMax) op.tries++;
  op.retry_ns = timers_.Add(TimerNumber(slot, TimerKind::kRetry), delay_ns);
  op.has_retry = true;
}

void Engine::TakeProvided() {
  TakeProvidedBuffers(
      shared_, buffers_, kProvidedMax - provided_.size(),
      [this](uint32_t number, const BufferCell&, size_t bytes) { provided_.push_back({number, bytes}); });
}

// --- threads --------------------------------------------------------------------------------------------------------

void Engine::Hand(uint32_t slot, std::unique_ptr<Job> job) {
  ops_[slot].job = job.get();
  handed_.push_back(std::move(job));
}

void Engine::Settle() {
  do {
    RunChains();
    FlushJobs();
  } while (!chains_.ready.empty());
}

void Engine::FlushJobs() {
  if (handed_.empty()) return;
  counters_.jobs += handed_.size();
  const int refusal = workers_.AddAll(handed_);
  if (refusal == 0) return;
  for (const auto& job : std::exchange(handed_, {})) {
    if (!job->Withdraw()) continue;
    const uint32_t slot = job->id.slot;
    // What must be closed is closed here.
    const bool closes = slot == kNoSlot || ops_[slot].opcode == Opcode::kClose;
    const int64_t result = closes ? job->Run() : int64_t{refusal};
    if (slot == kNoSlot) continue;
    ops_[slot].job = nullptr;
    Complete(slot, static_cast<int32_t>(result));
  }
}

void Engine::OnJobDone(Job& job) {
  const uint32_t slot = job.id.slot;
  // A descriptor that was open when the session ended.
  if (slot == kNoSlot) return;
  Op& op = ops_[slot];
  BATON_CHECK(op.active && op.generation == job.id.generation && op.job == &job);
  op.job = nullptr;
  auto result = static_cast<int32_t>(job.result);
  if (op.opcode == Opcode::kOpen && result >= 0) return OnOpened(slot, static_cast<OpenJob&>(job));
  uint32_t flags = 0;
  if ((op.opcode == Opcode::kListen || op.opcode == Opcode::kDatagram) && result >= 0) {
    HandleState state;
    state.pollable = true;
    const int fd = static_cast<BindJob&>(job).Take(op.area);
    flags = AdoptFd(fd, state, &result);
  } else if (op.opcode == Opcode::kStat && result == 0) {
    WriteStat(static_cast<StatJob&>(job).answer, op.area);
  } else if (op.opcode == Opcode::kSplice && result == -EAGAIN) {
    // An end was ready when the thread was asked, and was not when it came to it.
    if (!stopping_) return (void)AttemptSplice(slot);
    result = -ECANCELED;
  }
  Complete(slot, result, flags);
}

void Engine::OnOpened(uint32_t slot, OpenJob& open) {
  HandleState state;
  state.pollable = open.pollable;
  state.device = open.device;
  state.direct = (shared_.record(slot).argument0 & kOpenDirect) != 0;
  const int fd = open.Take();
  uint8_t* area = ops_[slot].area;
  const int64_t position = OwnPosition(fd);
  state.seekable = position >= 0;
  state.named = true;
  int32_t index;
  const uint32_t flags = AdoptFd(fd, state, &index);
  if (index < 0) return Complete(slot, index, flags);
  if (!open.lacks_writer) {
    WriteOpenAnswer(position, area);
    return Complete(slot, index, flags);
  }
  WriteBegun({index, flags >> kAuxiliaryShift}, area);
  Complete(slot, -EAGAIN, kCompletionBegun);
}

bool Engine::CancelNow(uint32_t slot, uint32_t flags) {
  Op& op = ops_[slot];
  // It waits for the operations that use its descriptor, or is being made: a close is never taken back.
  if (op.opcode == Opcode::kClose) return false;
  if (op.job != nullptr) {
    // A thread has begun it: it runs to its end.
    if (!op.job->Withdraw()) return false;
    op.job = nullptr;
  }
  if (op.opcode == Opcode::kConnect) {
    poller_->Remove(op.fd);
    close(op.fd);
  }
  // Whoever stood behind one that waits for a pause waits for no event either.
  const bool was_paused = op.has_retry && op.link.side != Side::kNone;
  const int32_t handle = op.waits_at;
  const Side side = op.link.side;
  // What was moved before the rest was handed to a thread is what happened.
  if (op.moved > 0) {
    Complete(slot, static_cast<int32_t>(op.moved));
  } else {
    Complete(slot, -ECANCELED, flags);
  }
  if (was_paused && !stopping_) Drain(handle, side);
  return true;
}

}  // namespace baton::epoll
