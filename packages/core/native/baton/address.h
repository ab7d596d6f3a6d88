// Addresses as they stand in the arena, and as the system wants them.
#ifndef BATON_ADDRESS_H_
#define BATON_ADDRESS_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "baton/opcode.gen.h"

namespace baton {

static_assert(kAddressBytesAt + sizeof(sockaddr_un::sun_path) <= kAddressBytes,
              "an area has room for the longest path");

struct SystemAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// The address at an arena area is a name in a file system.
inline bool NamesPath(const uint8_t* area) {
  uint32_t words[3];
  std::memcpy(words, area, sizeof(words));
  return words[kAddressFamilyWord] == kAddressFamilyUnix && words[kAddressPortOrLengthWord] > 0 &&
         area[kAddressBytesAt] != 0;
}

// Reads the address at an arena area; 0 or -EINVAL, -EAFNOSUPPORT, -ENAMETOOLONG.
inline int ReadAddress(const uint8_t* area, SystemAddress* out) {
  uint32_t words[3];
  std::memcpy(words, area, sizeof(words));
  const uint8_t* bytes = area + kAddressBytesAt;
  switch (words[kAddressFamilyWord]) {
    case kAddressFamilyIpv4: {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<uint16_t>(words[kAddressPortOrLengthWord]));
      std::memcpy(&address.sin_addr, bytes, 4);
      std::memcpy(&out->storage, &address, sizeof(address));
      out->length = sizeof(address);
      return 0;
    }
    case kAddressFamilyIpv6: {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(static_cast<uint16_t>(words[kAddressPortOrLengthWord]));
      address.sin6_scope_id = words[kAddressScopeWord];
      std::memcpy(&address.sin6_addr, bytes, 16);
      std::memcpy(&out->storage, &address, sizeof(address));
      out->length = sizeof(address);
      return 0;
    }
    case kAddressFamilyUnix: {
      sockaddr_un address{};
      const size_t length = words[kAddressPortOrLengthWord];
      if (length == 0) return -EINVAL;
      // A path fills at most 107 bytes and a NUL; an abstract name (first byte 0) may fill all 108.
      const bool abstract_name = bytes[0] == 0;
      if (length > sizeof(address.sun_path) - (abstract_name ? 0 : 1)) return -ENAMETOOLONG;
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, bytes, length);
      std::memcpy(&out->storage, &address, sizeof(address));
      out->length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + (abstract_name ? 0 : 1));
      return 0;
    }
    default:
      return -EAFNOSUPPORT;
  }
}

// Writes an address into an arena area. The kernel's length may be more than it was given room for: for a Unix-domain
// path that fills all of sun_path it counts a NUL that is not there (unix(7), BUGS).
inline void WriteAddress(const SystemAddress& address, uint8_t* area) {
  uint32_t words[3] = {kAddressFamilyNone, 0, 0};
  uint8_t* bytes = area + kAddressBytesAt;
  if (address.family() == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address.storage, sizeof(in));
    words[kAddressFamilyWord] = kAddressFamilyIpv4;
    words[kAddressPortOrLengthWord] = ntohs(in.sin_port);
    std::memcpy(bytes, &in.sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address.storage, sizeof(in));
    words[kAddressFamilyWord] = kAddressFamilyIpv6;
    words[kAddressPortOrLengthWord] = ntohs(in.sin6_port);
    words[kAddressScopeWord] = in.sin6_scope_id;
    std::memcpy(bytes, &in.sin6_addr, 16);
  } else if (address.family() == AF_UNIX) {
    sockaddr_un un;
    std::memcpy(&un, &address.storage, sizeof(un));
    const size_t at = offsetof(sockaddr_un, sun_path);
    const size_t given = std::min<size_t>(address.length, sizeof(un));
    size_t length = given > at ? given - at : 0;
    // The length of a path counts its NUL, that of an abstract name does not.
    if (length > 0 && un.sun_path[0] != 0) length = strnlen(un.sun_path, length);
    words[kAddressFamilyWord] = kAddressFamilyUnix;
    words[kAddressPortOrLengthWord] = static_cast<uint32_t>(length);
    std::memcpy(bytes, un.sun_path, length);
  }
  std::memcpy(area, words, sizeof(words));
}

}  // namespace baton

#endif  // BATON_ADDRESS_H_
