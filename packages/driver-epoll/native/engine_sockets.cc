// Sockets: made at once, and tried before they are waited for.
#include <algorithm>

#include "baton/socket_calls.h"
#include "engine.h"

namespace baton::epoll {

namespace {

// Connections that one turn takes from a listener: more are for the next, so that everybody else has a turn too.
constexpr int kAcceptsPerTurn = 256;

HandleState SocketState() {
  HandleState state;
  state.pollable = true;
  return state;
}

}  // namespace

void Engine::StartListen(uint32_t slot, const SubmissionRecord& record) {
  if (StartBind(slot, record, Opcode::kListen)) return;
  auto fd =
      Listen(shared_.arena(record.arena_offset), record.argument0, static_cast<int>(record.argument1), SOCK_NONBLOCK);
  if (!fd.ok()) return Answer(slot, record, fd.error());
  int32_t result;
  const uint32_t flags = AdoptFd(fd.value().Release(), SocketState(), &result);
  Answer(slot, record, result, flags);
}

// True when the address is a name in a file system: then a thread binds to it.
bool Engine::StartBind(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  const uint8_t* area = shared_.arena(record.arena_offset);
  if (!NamesPath(area)) return false;
  Enter(slot, record, opcode);
  Hand(slot, std::make_unique<BindJob>(IdOf(slot), record, area, SOCK_NONBLOCK));
  return true;
}

void Engine::StartDatagram(uint32_t slot, const SubmissionRecord& record) {
  if (StartBind(slot, record, Opcode::kDatagram)) return;
  auto fd = Datagram(shared_.arena(record.arena_offset), record.argument0, SOCK_NONBLOCK);
  if (!fd.ok()) return Answer(slot, record, fd.error());
  int32_t result;
  const uint32_t flags = AdoptFd(fd.value().Release(), SocketState(), &result);
  Answer(slot, record, result, flags);
}

// --- connecting ---------------------------------------------------------------------------------------------------

void Engine::StartConnect(uint32_t slot, const SubmissionRecord& record) {
  SystemAddress address;
  auto fd = PrepareConnect(shared_.arena(record.arena_offset), record.argument0, SOCK_NONBLOCK, &address);
  if (!fd.ok()) return Answer(slot, record, fd.error());
  Op& op = Enter(slot, record, Opcode::kConnect);
  op.fd = fd.value().Release();
  TryConnect(slot);
}

void Engine::TryConnect(uint32_t slot) {
  Op& op = ops_[slot];
  SystemAddress address;
  int error = ReadAddress(op.area, &address);
  if (error == 0 && connect(op.fd, address.get(), address.length) != 0) error = -errno;
  if (error == 0) return OnConnectEvent(slot);
  // A Unix-domain listener whose backlog is full: no event tells when there is room.
  if (error == -EAGAIN && address.family() == AF_UNIX) return RetryLater(slot);
  if (error == -EINPROGRESS || error == -EINTR) {
    // An interrupted connect goes on in the background, like one that is in progress. The operation itself is the
    // token: there is no handle until it is connected.
    const Token token{slot | kConnectToken, op.generation};
    error = poller_->Add(op.fd, token, EPOLLOUT | EPOLLET | EPOLLONESHOT);
    if (error == 0) return;
  }
  close(op.fd);
  Complete(slot, error);
}

void Engine::OnConnectEvent(uint32_t slot) {
  Op& op = ops_[slot];
  const auto error = static_cast<int32_t>(FinishConnect(op.fd));
  // From here on it is registered, if at all, under its handle.
  poller_->Remove(op.fd);
  if (error < 0) {
    close(op.fd);
    return Complete(slot, error);
  }
  int32_t handle;
  const uint32_t flags = AdoptFd(op.fd, SocketState(), &handle);
  Complete(slot, handle, flags);
}

// --- everything on a socket that is there -------------------------------------------------------------------------

void Engine::StartOnSocket(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
  Op& op = Enter(slot, record, opcode);
  op.multishot = record.Has(kSubmitMultishot);
  UseHandle(op, record);
  if (const int error = Lend(op, record); error < 0) return Complete(slot, error);
  if (opcode == Opcode::kPoll) {
    // It takes nothing from anybody, so it need not wait for whoever came before.
    if (!Attempt(slot)) Wait(slot, record.handle_index, Side::kAny);
    return;
  }
  const Side side = opcode == Opcode::kSend || opcode == Opcode::kSendMessage ? Side::kWrite : Side::kRead;
  // In order: whoever came before must be served before.
  const bool first = QueueOf(handles_.At(record.handle_index).state, side).empty();
  if (!first || !Attempt(slot)) Wait(slot, record.handle_index, side);
}

bool Engine::AttemptMultishotAccept(uint32_t slot, int fd) {
  for (int accepts = 0; accepts < kAcceptsPerTurn; accepts++) {
    const int64_t accepted = AttemptAccept(fd);
    if (accepted == -EAGAIN) return false;
    if (accepted < 0) {
      Complete(slot, static_cast<int32_t>(accepted));
      return true;
    }
    int32_t handle;
    const uint32_t flags = AdoptFd(static_cast<int>(accepted), SocketState(), &handle);
    CompleteMore(slot, handle, flags);
  }
  // No event will tell of those that are still there.
  const int32_t listener = ops_[slot].handle;
  again_.push_back({listener, handles_.At(listener).generation, Side::kRead});
  return false;
}

// A receive into a buffer that is taken now, when there is something to receive.
int64_t Engine::AttemptProvided(const SubmissionRecord& record, int fd, uint32_t* flags) {
  // Some may have been freed since they were provided.
  while (!provided_.empty() && buffers_.FindProvided(provided_.back().number) == nullptr) provided_.pop_back();
  if (provided_.empty()) {
    // Nobody shall wait for a buffer that may never come while there is nothing to receive.
    char probe;
    const int64_t peeked = AttemptReceive(fd, &probe, 1, MSG_PEEK);
    return peeked > 0 ? -ENOBUFS : peeked;
  }
  const auto [number, bytes] = provided_.back();
  const BufferCell* cell = buffers_.Find(number);
  // A multishot receive need not say how much it wants: whole buffers.
  const size_t length =
      record.Has(kSubmitMultishot) && record.length == 0 ? bytes : std::min<size_t>(record.length, bytes);
  const int64_t result = AttemptReceive(fd, cell->data, length, static_cast<int>(record.argument0));
  if (result > 0) {
    provided_.pop_back();
    buffers_.TakeProvided(number);
    *flags = number << kAuxiliaryShift | kCompletionProvidedBuffer;
  }
  return result;
}

// Until nothing is left to receive, or no buffer to receive it into: at most as often as there are buffers.
bool Engine::AttemptMultishotReceive(uint32_t slot, int fd) {
  for (;;) {
    uint32_t flags = 0;
    const int64_t result = AttemptProvided(shared_.record(slot), fd, &flags);
    if (result == -EAGAIN) return false;
    if (result <= 0) {
      Complete(slot, static_cast<int32_t>(result));
      return true;
    }
    CompleteMore(slot, static_cast<int32_t>(result), flags);
  }
}

}  // namespace baton::epoll
