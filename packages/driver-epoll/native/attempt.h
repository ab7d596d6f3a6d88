// The one non-blocking try at an operation. -EAGAIN means: not yet, wait for the descriptor; anything else is the
// answer. Sockets and pipes are in non-blocking mode: the engine made them itself, so nobody else shares the mode.
// Where a call can be told not to wait it is told so as well.
#ifndef BATON_EPOLL_ATTEMPT_H_
#define BATON_EPOLL_ATTEMPT_H_

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "baton/poll_events.h"
#include "baton/uninterrupted.h"
#include "parts.h"

namespace baton::epoll {

// --- sockets ------------------------------------------------------------------------------------------------------

inline int64_t AttemptReceive(int fd, void* data, size_t length, int flags) {
  return Uninterrupted([&] { return recv(fd, data, length, flags | MSG_DONTWAIT); });
}

inline int64_t AttemptSend(int fd, const void* data, size_t length, int flags) {
  return Uninterrupted([&] { return send(fd, data, length, flags | MSG_DONTWAIT | MSG_NOSIGNAL); });
}

inline int64_t AttemptReceiveMessage(int fd, msghdr* header) {
  return Uninterrupted([&] { return recvmsg(fd, header, MSG_DONTWAIT); });
}

inline int64_t AttemptSendMessage(int fd, const msghdr* header) {
  return Uninterrupted([&] { return sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

inline int64_t AttemptAccept(int fd) {
  return Uninterrupted([&] { return accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
}

// What became of a connection attempt once the descriptor is writable: 0 or a negative errno.
inline int64_t FinishConnect(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
  return -error;
}

// --- files --------------------------------------------------------------------------------------------------------

// A file read that must not block (RWF_NOWAIT, Linux 4.14): -EAGAIN when the page is not there, -EOPNOTSUPP when the
// file system cannot tell. `position` -1 is the descriptor's own.
inline int64_t AttemptFileRead(int fd, const Parts& parts, int64_t position) {
  return Uninterrupted([&] { return preadv2(fd, parts.data(), parts.count(), position, RWF_NOWAIT); });
}

// A pipe or a device, in non-blocking mode. Some devices have positions. `position` -1 is the descriptor's own.
inline int64_t AttemptStreamTransfer(bool writes, int fd, const Parts& parts, int64_t position) {
  return Uninterrupted([&] {
    return writes ? pwritev2(fd, parts.data(), parts.count(), position, 0)
                  : preadv2(fd, parts.data(), parts.count(), position, 0);
  });
}

// --- readiness ----------------------------------------------------------------------------------------------------

// The events that are there now, out of those asked for, errors and hang-ups; 0 when there is none.
inline uint32_t ReadyEvents(int fd, uint32_t events) {
  pollfd descriptor{fd, static_cast<short>(events), 0};
  const int64_t ready = Uninterrupted([&] { return ::poll(&descriptor, 1, 0); });
  return ready > 0 ? static_cast<uint32_t>(static_cast<unsigned short>(descriptor.revents)) : 0;
}

inline int64_t AttemptPoll(int fd, uint32_t bits) {
  const uint32_t events = ReadyEvents(fd, SystemPollEvents(bits));
  return events == 0 ? -EAGAIN : static_cast<int64_t>(PollBits(events));
}

}  // namespace baton::epoll

#endif  // BATON_EPOLL_ATTEMPT_H_
