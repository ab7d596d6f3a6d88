// Bringing a descriptor that others may share into non-blocking mode.
#ifndef BATON_EPOLL_NON_BLOCKING_H_
#define BATON_EPOLL_NON_BLOCKING_H_

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "baton/adopt_call.h"
#include "baton/unique_fd.h"

namespace baton::epoll {

// It can be opened once more under its number's name and is then the same thing: a pipe, or a terminal that is not a
// master, whose name would make another one.
inline bool OpensAgain(int fd, mode_t type) {
  if (S_ISFIFO(type)) return true;
  unsigned number;
  return S_ISCHR(type) && isatty(fd) == 1 && ioctl(fd, TIOCGPTN, &number) != 0;
}

// 0 or a negative errno, with nothing changed. Whoever else has a pipe or a terminal keeps his mode: what has the
// number afterwards was opened for us. Everything else has one mode for all.
inline int MakeNonBlocking(int fd, const Adoptee& adoptee) {
  if ((adoptee.flags & O_NONBLOCK) != 0) return 0;
  if (OpensAgain(fd, adoptee.type)) {
    char name[32];
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    const UniqueFd own(open(name, (adoptee.flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const int inherited = fcntl(fd, F_GETFD);
    if (own.valid() && inherited >= 0) {
      return dup3(own.get(), fd, (inherited & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) >= 0 ? 0 : -errno;
    }
  }
  return fcntl(fd, F_SETFL, adoptee.flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

}  // namespace baton::epoll

#endif  // BATON_EPOLL_NON_BLOCKING_H_
