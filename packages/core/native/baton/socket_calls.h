// Socket calls that do not block, made on the calling thread by both native engines.
#ifndef BATON_SOCKET_CALLS_H_
#define BATON_SOCKET_CALLS_H_

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "baton/address.h"
#include "baton/opcode.gen.h"
#include "baton/result.h"
#include "baton/unique_fd.h"

namespace baton {

inline int SetIntOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

inline bool IsInternet(int family) { return family == AF_INET || family == AF_INET6; }

// Options of a stream socket, as bits; a listener hands them down to what it accepts.
inline int SetStreamOptions(int fd, int family, uint32_t bits) {
  int error = 0;
  if (IsInternet(family) && (bits & kSocketOptionNoDelay) != 0) error = SetIntOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (error == 0 && (bits & kSocketOptionKeepAlive) != 0) error = SetIntOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  return error;
}

// A listening stream socket; writes the address it is bound to back into the area. `type_flags` are added to
// SOCK_STREAM.
inline Result<UniqueFd> Listen(uint8_t* area, uint32_t bits, int backlog, int type_flags) {
  SystemAddress address;
  int error = ReadAddress(area, &address);
  if (error < 0) return Result<UniqueFd>::Error(error);
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0));
  if (!fd.valid()) return Result<UniqueFd>::Error(-errno);
  if (IsInternet(address.family())) {
    // As every server wants it: a port in TIME_WAIT can be bound again. Not the same as sharing a live port.
    error = SetIntOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && (bits & kSocketOptionReusePort) != 0) error = SetIntOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && address.family() == AF_INET6) {
      error = SetIntOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, (bits & kSocketOptionIpv6Only) != 0 ? 1 : 0);
    }
  }
  if (error == 0) error = SetStreamOptions(fd.get(), address.family(), bits);
  if (error < 0) return Result<UniqueFd>::Error(error);
  if (bind(fd.get(), address.get(), address.length) != 0) return Result<UniqueFd>::Error(-errno);
  if (listen(fd.get(), backlog) != 0) return Result<UniqueFd>::Error(-errno);
  address.length = sizeof(address.storage);
  if (getsockname(fd.get(), address.get(), &address.length) != 0) return Result<UniqueFd>::Error(-errno);
  WriteAddress(address, area);
  return fd;
}

// A datagram socket; writes the address it is bound to back into the area. `type_flags` are added to SOCK_DGRAM.
// Without SO_REUSEADDR: for datagrams that would let a second socket take a live port.
inline Result<UniqueFd> Datagram(uint8_t* area, uint32_t bits, int type_flags) {
  SystemAddress address;
  int error = ReadAddress(area, &address);
  if (error < 0) return Result<UniqueFd>::Error(error);
  UniqueFd fd(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | type_flags, 0));
  if (!fd.valid()) return Result<UniqueFd>::Error(-errno);
  if (IsInternet(address.family())) {
    if ((bits & kSocketOptionReusePort) != 0) error = SetIntOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && (bits & kSocketOptionBroadcast) != 0) error = SetIntOption(fd.get(), SOL_SOCKET, SO_BROADCAST, 1);
    if (error == 0 && address.family() == AF_INET6) {
      error = SetIntOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, (bits & kSocketOptionIpv6Only) != 0 ? 1 : 0);
    }
  }
  if (error < 0) return Result<UniqueFd>::Error(error);
  if (bind(fd.get(), address.get(), address.length) != 0) return Result<UniqueFd>::Error(-errno);
  address.length = sizeof(address.storage);
  if (getsockname(fd.get(), address.get(), &address.length) != 0) return Result<UniqueFd>::Error(-errno);
  WriteAddress(address, area);
  return fd;
}

// A stream socket that can be connected to the address at the area, which is read into `address`.
inline Result<UniqueFd> PrepareConnect(const uint8_t* area, uint32_t bits, int type_flags, SystemAddress* address) {
  int error = ReadAddress(area, address);
  if (error < 0) return Result<UniqueFd>::Error(error);
  UniqueFd fd(socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0));
  if (!fd.valid()) return Result<UniqueFd>::Error(-errno);
  error = SetStreamOptions(fd.get(), address->family(), bits);
  if (error < 0) return Result<UniqueFd>::Error(error);
  return fd;
}

// Writes one end's address into the area: own (0) or the peer's (1). 0 or a negative errno.
inline int EndAddress(int fd, int which, uint8_t* area) {
  SystemAddress address;
  address.length = sizeof(address.storage);
  const int failed =
      which == 0 ? getsockname(fd, address.get(), &address.length) : getpeername(fd, address.get(), &address.length);
  if (failed != 0) return -errno;
  WriteAddress(address, area);
  return 0;
}

}  // namespace baton

#endif  // BATON_SOCKET_CALLS_H_
