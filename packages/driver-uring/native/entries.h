// What this driver makes of each operation: one row per operation. The entry of the ring stands here, and what is done
// where the kernel has none; how an entry is filled stands in prepare.h, what its completion means in finish.h.
#ifndef BATON_URING_ENTRIES_H_
#define BATON_URING_ENTRIES_H_

#include <liburing.h>

#include <cstdint>

#include "baton/opcode.gen.h"
#include "compat.h"
#include "feature_bits.h"

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

// By number.
inline constexpr EntryInfo kEntryTable[] = {
    {Opcode::kNop, IORING_OP_NOP, Beside::kNothing, 0},
    {Opcode::kCancel, IORING_OP_ASYNC_CANCEL, Beside::kNothing, 0},
    // What an earlier try has begun is only looked at, here.
    {Opcode::kOpen, IORING_OP_OPENAT, Beside::kHere, 0},
    {Opcode::kClose, IORING_OP_CLOSE, Beside::kNothing, 0},
    {Opcode::kRead, IORING_OP_READ, Beside::kNothing, 0},
    {Opcode::kWrite, IORING_OP_WRITE, Beside::kNothing, 0},
    {Opcode::kFsync, IORING_OP_FSYNC, Beside::kNothing, 0},
    {Opcode::kFdatasync, IORING_OP_FSYNC, Beside::kNothing, 0},
    {Opcode::kStat, IORING_OP_STATX, Beside::kNothing, 0},
    {Opcode::kTruncate, kOpFtruncate, Beside::kThread, kFeatureFtruncate},
    {Opcode::kListen, kNoEntry, Beside::kThreadForPath, 0},
    {Opcode::kAccept, IORING_OP_ACCEPT, Beside::kNothing, 0},
    {Opcode::kConnect, IORING_OP_CONNECT, Beside::kNothing, 0},
    {Opcode::kReceive, IORING_OP_RECV, Beside::kNothing, 0},
    {Opcode::kSend, IORING_OP_SEND, Beside::kNothing, 0},
    {Opcode::kShutdown, IORING_OP_SHUTDOWN, Beside::kHere, 0},
    {Opcode::kTimer, IORING_OP_TIMEOUT, Beside::kNothing, 0},
    {Opcode::kAddress, kNoEntry, Beside::kHere, 0},
    {Opcode::kReadv, IORING_OP_READV, Beside::kNothing, 0},
    {Opcode::kWritev, IORING_OP_WRITEV, Beside::kNothing, 0},
    {Opcode::kReceiveMessage, IORING_OP_RECVMSG, Beside::kNothing, 0},
    {Opcode::kSendMessage, IORING_OP_SENDMSG, Beside::kNothing, 0},
    {Opcode::kDatagram, kNoEntry, Beside::kThreadForPath, 0},
    {Opcode::kSplice, IORING_OP_SPLICE, Beside::kNothing, kFeatureSplice},
    {Opcode::kPipe, kNoEntry, Beside::kHere, 0},
    {Opcode::kAllocate, IORING_OP_FALLOCATE, Beside::kThread, 0},
    // On a thread what an entry has no room for.
    {Opcode::kAdvise, IORING_OP_FADVISE, Beside::kThread, 0},
    {Opcode::kUnlink, IORING_OP_UNLINKAT, Beside::kThread, kFeaturePaths},
    {Opcode::kRename, IORING_OP_RENAMEAT, Beside::kThread, kFeaturePaths},
    {Opcode::kMkdir, IORING_OP_MKDIRAT, Beside::kThread, kFeaturePaths},
    {Opcode::kHardlink, IORING_OP_LINKAT, Beside::kThread, kFeaturePaths},
    {Opcode::kSymlink, IORING_OP_SYMLINKAT, Beside::kThread, kFeaturePaths},
    {Opcode::kPoll, IORING_OP_POLL_ADD, Beside::kNothing, 0},
    {Opcode::kAdopt, kNoEntry, Beside::kHere, 0},
};

constexpr bool IsInOrder() {
  for (uint32_t number = 0; number < kOpcodeCount; number++) {
    if (kEntryTable[number].opcode != static_cast<Opcode>(number)) return false;
  }
  return true;
}
static_assert(sizeof(kEntryTable) / sizeof(kEntryTable[0]) == kOpcodeCount && IsInOrder());

constexpr const EntryInfo& EntryOf(Opcode opcode) { return kEntryTable[static_cast<uint8_t>(opcode)]; }

}  // namespace baton::uring

#endif  // BATON_URING_ENTRIES_H_
