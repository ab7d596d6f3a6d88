// The one non-blocking try at an operation. -EAGAIN means: not yet, wait for the descriptor; anything else is the
// answer. MSG_DONTWAIT rather than a descriptor in non-blocking mode, because a mode is shared with whoever else holds
// the descriptor.
#ifndef BATON_EPOLL_ATTEMPT_H_
#define BATON_EPOLL_ATTEMPT_H_

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace baton::epoll {

// Repeats a call that a signal interrupted.
template <typename Call>
int64_t Uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return static_cast<int64_t>(result);
    if (errno != EINTR) return -errno;
  }
}

inline int64_t AttemptReceive(int fd, void* data, size_t length, int flags) {
  return Uninterrupted([&] { return recv(fd, data, length, flags | MSG_DONTWAIT); });
}

inline int64_t AttemptSend(int fd, const void* data, size_t length, int flags) {
  return Uninterrupted([&] { return send(fd, data, length, flags | MSG_DONTWAIT | MSG_NOSIGNAL); });
}

// The listener is in non-blocking mode: accept4(2) has no flag for one call.
inline int64_t AttemptAccept(int fd) {
  return Uninterrupted([&] { return accept4(fd, nullptr, nullptr, SOCK_CLOEXEC); });
}

// What became of a connection attempt once the descriptor is writable: 0 or a negative errno.
inline int64_t FinishConnect(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return -errno;
  return -error;
}

// File reads and writes that must not block (RWF_NOWAIT, Linux 4.14 and 4.13): -EAGAIN when the page is not there,
// -EOPNOTSUPP when the file system cannot tell. `position` -1 is the descriptor's own.
inline int64_t AttemptRead(int fd, void* data, size_t length, int64_t position) {
  const iovec part{data, length};
  return Uninterrupted([&] { return preadv2(fd, &part, 1, position, RWF_NOWAIT); });
}

inline int64_t AttemptWrite(int fd, const void* data, size_t length, int64_t position) {
  const iovec part{const_cast<void*>(data), length};
  return Uninterrupted([&] { return pwritev2(fd, &part, 1, position, RWF_NOWAIT); });
}

// A pipe or a device, in non-blocking mode.
inline int64_t AttemptStreamRead(int fd, void* data, size_t length) {
  return Uninterrupted([&] { return read(fd, data, length); });
}

inline int64_t AttemptStreamWrite(int fd, const void* data, size_t length) {
  return Uninterrupted([&] { return write(fd, data, length); });
}

}  // namespace baton::epoll

#endif  // BATON_EPOLL_ATTEMPT_H_
