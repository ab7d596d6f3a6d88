// Every call of io_uring that the driver makes, made once with nothing behind it: no ring, no memory, no descriptor.
// What a seccomp filter sees of a call is its number and its arguments, not what they point to, so a filter that kills
// for one of the driver's calls kills for its rehearsal. Made in a child process that may die of it.
#ifndef BATON_URING_REHEARSAL_H_
#define BATON_URING_REHEARSAL_H_

#include <liburing.h>

#include <cerrno>
#include <cstdint>

#include "compat.h"
#include "locked_memory.h"
#include "probe.h"

namespace baton::uring {

// One of the three system calls, with the argument that tells its purpose: entries, flags, or an operation.
struct RingCall {
  enum class Name : uint8_t { kNone, kSetup, kEnter, kRegister };
  Name name = Name::kNone;
  uint32_t argument = 0;
};

struct Rehearsal {
  // The call that is being made: when the process dies, the one it died of.
  RingCall current;
  // The first call that the driver cannot do without and that something in front of the kernel refuses, and the errno.
  RingCall refused;
  int error = 0;
};

// What the driver registers, with the counts it gives.
struct Registration {
  uint32_t opcode;
  uint32_t count;
  // Without it there is no ring; what else is refused, the driver goes without.
  bool needed;
};
inline constexpr Registration kRegistrations[] = {
    {IORING_REGISTER_PROBE, kProbeOpcodesMax, true},
    {IORING_REGISTER_EVENTFD, 1, false},
    {IORING_REGISTER_RESTRICTIONS, 1, false},
    {IORING_REGISTER_ENABLE_RINGS, 0, false},
    {IORING_REGISTER_BUFFERS2, sizeof(io_uring_rsrc_register), false},
    {IORING_REGISTER_BUFFERS_UPDATE, sizeof(io_uring_rsrc_update2), false},
    {IORING_REGISTER_IOWQ_AFF, 128, false},
    {IORING_REGISTER_IOWQ_MAX_WORKERS, 2, false},
    {IORING_REGISTER_RING_FDS, 1, false},
    {IORING_UNREGISTER_RING_FDS, 1, false},
    {IORING_REGISTER_PBUF_RING, 1, false},
};

// Flags of io_uring_enter that the driver and liburing set, in any combination.
inline constexpr uint32_t kEnterFlags = IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT |
                                        IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING;
static_assert((kEnterFlags & (kEnterFlags + 1)) == 0, "counting up to it makes every combination");

// Makes all those calls, for a driver that asks for `entries`.
template <typename Calls = KernelCalls>
void Rehearse(uint32_t entries, Rehearsal& rehearsal) {
  // The kernel itself refuses a call without a ring, without memory, or with what it is too old for, with one of these.
  const auto is_kernel = [](int error) {
    return error == 0 || error == EBADF || error == EINVAL || error == EFAULT || error == ENXIO || error == EOPNOTSUPP;
  };
  const auto make = [&](RingCall call, bool needed, auto system_call) {
    rehearsal.current = call;
    const int error = ErrorOf(system_call());
    if (!needed || is_kernel(error) || rehearsal.error != 0) return;
    rehearsal.refused = call;
    rehearsal.error = error;
  };
  const auto set_up = [&](uint32_t size) {
    make({RingCall::Name::kSetup, size}, size == entries, [&] { return Calls::Setup(size, nullptr); });
  };
  // The plainest call of each kind comes first: where that one is fatal, the argument is not to blame.
  set_up(0);
  set_up(entries);
  for (const uint32_t size : kSizeLadder) set_up(size);
  for (const Registration& registration : kRegistrations) {
    make({RingCall::Name::kRegister, registration.opcode}, registration.needed,
         [&] { return Calls::Register(-1, registration.opcode, nullptr, registration.count); });
  }
  for (uint32_t flags = 0; flags <= kEnterFlags; flags++) {
    for (const uint32_t submit : {0U, 1U, entries}) {
      for (const uint32_t complete : {0U, 1U}) {
        make({RingCall::Name::kEnter, flags}, true, [&] { return Calls::Enter(-1, submit, complete, flags); });
      }
    }
  }
  rehearsal.current = {};
}

}  // namespace baton::uring

#endif  // BATON_URING_REHEARSAL_H_
