// What a row of the table of entries says (entries.h).
#ifndef BATON_URING_ENTRY_INFO_H_
#define BATON_URING_ENTRY_INFO_H_

#include <cstdint>

#include "baton/opcode.gen.h"

namespace baton::uring {

// How an operation is performed that is no entry of the ring.
enum class Beside : uint8_t {
  // Not at all.
  kNothing,
  // Inline: by calls that do not wait, on the engine's own thread.
  kInline,
  // By a call on another thread: it may wait for a file system, with a network between, frozen, or slow.
  kThread,
  // On another thread when its address is a path, inline otherwise.
  kThreadForPath,
};

// What the kernel reads or writes beside buffers for as long as the operation is in flight.
enum class Holds : uint8_t { kNothing, kStat, kAddress, kTimespec, kVector, kMessage };

// What a result of the kernel means, and what the engine does about it.
enum class Finish : uint8_t {
  // What it says.
  kAsIs,
  // A handle, or a FIFO of which the other end has still to come.
  kOpened,
  kAccepted,
  kConnected,
  // That the time is over is no error.
  kElapsed,
  kFileFacts,
  // The answer goes beside the bytes: where they came from, and flags.
  kMessageArrived,
  kPolled,
  kClosed,
  // Bytes, in a buffer that the kernel has picked.
  kProvided,
};

// What the kernel does about the entries that are linked behind one that has failed. A transfer that ends short or in
// an error cancels them. Other entries store their error and leave the link whole: fsync, fallocate, ftruncate, statx
// and all that work on names (measured, Linux 6.18). Behind those the engine goes on by itself, once it has seen the
// result.
enum class Failure : uint8_t { kMayBePassedOver, kBreaksLinks };

struct EntryInfo {
  Opcode opcode;
  // IORING_OP_*; -1: several calls, or one that never waits.
  int entry;
  Beside beside;
  // The feature whose mask takes it off the ring; 0: none.
  uint32_t mask;
  Holds holds = Holds::kNothing;
  Finish finish = Finish::kAsIs;
  Failure failure = Failure::kMayBePassedOver;
};

inline constexpr int kNoEntry = -1;

}  // namespace baton::uring

#endif  // BATON_URING_ENTRY_INFO_H_
