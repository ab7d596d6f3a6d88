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
  // By calls that do not wait, on the engine's own thread.
  kHere,
  // By a call on another thread: it may wait for a file system, with a network between, frozen, or slow.
  kThread,
  // On another thread when its address is a path, here otherwise.
  kThreadForPath,
};

struct EntryInfo {
  Opcode opcode;
  // IORING_OP_*; -1: several calls, or one that never waits.
  int entry;
  Beside beside;
  // The feature whose mask takes it off the ring; 0: none.
  uint32_t mask;
};

inline constexpr int kNoEntry = -1;

}  // namespace baton::uring

#endif  // BATON_URING_ENTRY_INFO_H_
