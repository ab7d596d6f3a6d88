// What identifies an operation in its SQE and CQEs: slot and generation, so that a completion or a cancel that comes
// late can never reach a newer operation in the same slot; and a tag for what the engine submits for itself.
#ifndef BATON_URING_USER_DATA_H_
#define BATON_URING_USER_DATA_H_

#include <cstdint>

#include "baton/opcode.gen.h"

namespace baton::uring {

enum class Tag : uint16_t {
  kOperation = 0,
  // Submitted by the engine for itself; nobody waits for its completion.
  kInternal = 1,
  // The timeout behind an operation, named by the operation's slot and generation.
  kTimeout = 2,
  // The entry that waits for calls on threads.
  kThreads = 3,
  // A timeout for the timers that the engine keeps, with a number of its own.
  kTimers = 4,
};

inline constexpr unsigned kGenerationBits = 31;
inline constexpr unsigned kTagShift = kSlotBits + kGenerationBits;
static_assert(kTagShift < 64 - 8, "no room for the tag");
static_assert(kGenerationMax < 1ULL << kGenerationBits);

constexpr uint64_t UserData(uint32_t slot, uint32_t generation, Tag tag = Tag::kOperation) {
  return static_cast<uint64_t>(slot) | static_cast<uint64_t>(generation) << kSlotBits |
         static_cast<uint64_t>(tag) << kTagShift;
}
constexpr uint32_t SlotOf(uint64_t user_data) { return static_cast<uint32_t>(user_data & ((1U << kSlotBits) - 1)); }
constexpr uint32_t GenerationOf(uint64_t user_data) {
  return static_cast<uint32_t>(user_data >> kSlotBits) & ((1U << kGenerationBits) - 1);
}
// Anything may come here: liburing has user data of its own (LIBURING_UDATA_TIMEOUT, all ones).
constexpr Tag TagOf(uint64_t user_data) { return static_cast<Tag>(user_data >> kTagShift); }

static_assert(SlotOf(UserData(0xfffff, 0x7fffffff)) == 0xfffff);
static_assert(GenerationOf(UserData(0xfffff, 0x7fffffff)) == 0x7fffffff);
static_assert(TagOf(UINT64_MAX) > Tag::kTimers);
static_assert(TagOf(UserData(0xfffff, 0x7fffffff, Tag::kInternal)) == Tag::kInternal);

}  // namespace baton::uring

#endif  // BATON_URING_USER_DATA_H_
