// Descriptors that the program brings along: what each is, found out without changing anything of it.
#ifndef BATON_ADOPT_CALL_H_
#define BATON_ADOPT_CALL_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "baton/address.h"
#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/open_call.h"

namespace baton {

// What a descriptor turned out to be.
struct Adoptee {
  mode_t type = 0;
  // Of the file system, for files.
  dev_t device = 0;
  int flags = 0;
  int64_t position = -1;
  SystemAddress address;

  // Can be waited for: everything but regular files, directories and block devices.
  bool pollable() const { return !S_ISREG(type) && !S_ISDIR(type) && !S_ISBLK(type); }
  bool direct() const { return (flags & O_DIRECT) != 0; }
};

// The value of a socket option, or a negative errno.
inline int SocketOption(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -errno;
}

// 0 for a stream socket that can be used as `kind`, or a negative errno.
inline int LookAtSocket(int fd, uint32_t kind, Adoptee* adoptee) {
  const int type = SocketOption(fd, SO_TYPE);
  if (type < 0) return type;
  if (type != SOCK_STREAM) return -EPROTOTYPE;
  const bool listens = SocketOption(fd, SO_ACCEPTCONN) > 0;
  if (listens != (kind == kAdoptListener)) return -EINVAL;
  SystemAddress& address = adoptee->address;
  address.length = sizeof(address.storage);
  if (!listens && getpeername(fd, address.get(), &address.length) != 0) return -errno;
  address.length = sizeof(address.storage);
  if (getsockname(fd, address.get(), &address.length) != 0) return -errno;
  const int family = address.family();
  return family == AF_INET || family == AF_INET6 || family == AF_UNIX ? 0 : -EAFNOSUPPORT;
}

// 0 for a descriptor that can be used as `kind`, or a negative errno. Asks nothing of a file system that could wait.
inline int LookAtDescriptor(int fd, uint32_t kind, Adoptee* adoptee) {
  if (kind != kAdoptFile && kind != kAdoptStream && kind != kAdoptListener) return -EINVAL;
  struct statx answer;
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &answer) != 0) return -errno;
  adoptee->type = answer.stx_mode & S_IFMT;
  adoptee->device = makedev(answer.stx_dev_major, answer.stx_dev_minor);
  adoptee->flags = fcntl(fd, F_GETFL);
  if (adoptee->flags < 0) return -errno;
  if (kind != kAdoptFile) return S_ISSOCK(adoptee->type) ? LookAtSocket(fd, kind, adoptee) : -ENOTSOCK;
  // A socket is a stream, a listener or nothing.
  if (S_ISSOCK(adoptee->type)) return -EINVAL;
  adoptee->position = OwnPosition(fd);
  return 0;
}

inline void WriteAdoptAnswer(const Adoptee& adoptee, uint32_t kind, uint8_t* area) {
  const uint32_t flags = (adoptee.flags & O_APPEND) != 0 ? kAdoptAppends : 0;
  std::memcpy(area + kAdoptPositionAt, &adoptee.position, sizeof(adoptee.position));
  std::memcpy(area + kAdoptFlagsAt, &flags, sizeof(flags));
  if (kind != kAdoptFile) WriteAddress(adoptee.address, area + kAdoptAddressAt);
}

// Looks at the descriptor that a submission names; 0, or the negative errno that it is refused with.
template <typename State>
int LookAtGiven(HandleTable<State>& handles, const SubmissionRecord& record, Adoptee* adoptee) {
  const int fd = static_cast<int>(record.argument0);
  bool is_ours = false;
  handles.ForEachOpen([&is_ours, fd](int32_t, const auto& cell) { is_ours = is_ours || cell.fd == fd; });
  return is_ours ? -EBUSY : LookAtDescriptor(fd, record.argument1, adoptee);
}

}  // namespace baton

#endif  // BATON_ADOPT_CALL_H_
