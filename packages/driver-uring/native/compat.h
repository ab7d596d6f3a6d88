// What the headers of liburing 2.3 (Debian 12) lack. Values are part of the kernel's stable interface
// (include/uapi/linux/io_uring.h); each line names the kernel that brought it.
#ifndef BATON_URING_COMPAT_H_
#define BATON_URING_COMPAT_H_

#include <liburing.h>

#include <cstdint>

namespace baton::uring {

// Operations are compared by number: newer headers have them as enumerators, older ones not at all.
inline constexpr uint8_t kOpFtruncate = 55;  // Linux 6.9
inline constexpr uint8_t kOpBind = 56;       // Linux 6.11
inline constexpr uint8_t kOpListen = 57;     // Linux 6.11

// Flags for io_uring_setup.
inline constexpr uint32_t kSetupNoSqarray = 1U << 16;  // Linux 6.6

// Features reported by io_uring_setup.
inline constexpr uint32_t kFeatMinTimeout = 1U << 15;  // Linux 6.12
inline constexpr uint32_t kFeatNoIowait = 1U << 17;    // Linux 6.15

// Flags for io_uring_enter.
inline constexpr uint32_t kEnterNoIowait = 1U << 7;  // Linux 6.15

static_assert(IORING_OP_SEND_ZC == 47, "the header is older than liburing 2.3");

inline void PrepareFtruncate(io_uring_sqe* sqe, int fd, int64_t length) {
  io_uring_prep_rw(kOpFtruncate, sqe, fd, nullptr, 0, static_cast<uint64_t>(length));
}

}  // namespace baton::uring

#endif  // BATON_URING_COMPAT_H_
