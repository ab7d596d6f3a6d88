// What this driver makes of each operation: one row per operation; those of one call without a buffer are generated.
// The entry of the ring stands here, and what is done where the kernel has none; how an entry is filled stands in
// prepare.h, what its completion means in finish.h.
#ifndef BATON_URING_ENTRIES_H_
#define BATON_URING_ENTRIES_H_

#include <liburing.h>

#include <array>
#include <cstdint>
#include <iterator>

#include "baton/opcode.gen.h"
#include "compat.h"
#include "entry_info.h"
#include "feature_bits.h"
#include "file_entries.gen.h"

namespace baton::uring {

// But for those that are generated.
inline constexpr EntryInfo kOwnEntries[] = {
    {Opcode::kNop, IORING_OP_NOP, Beside::kNothing, 0, Holds::kNothing, Finish::kAsIs, Failure::kBreaksLinks},
    {Opcode::kCancel, IORING_OP_ASYNC_CANCEL, Beside::kNothing, 0},
    // What an earlier try has begun is only looked at, here.
    {Opcode::kOpen, IORING_OP_OPENAT, Beside::kInline, 0, Holds::kNothing, Finish::kOpened},
    {Opcode::kClose, IORING_OP_CLOSE, Beside::kNothing, 0, Holds::kNothing, Finish::kClosed},
    {Opcode::kRead, IORING_OP_READ, Beside::kNothing, 0, Holds::kNothing, Finish::kAsIs, Failure::kBreaksLinks},
    {Opcode::kWrite, IORING_OP_WRITE, Beside::kNothing, 0, Holds::kNothing, Finish::kAsIs, Failure::kBreaksLinks},
    {Opcode::kStat, IORING_OP_STATX, Beside::kNothing, 0, Holds::kStat, Finish::kFileFacts},
    {Opcode::kListen, kNoEntry, Beside::kThreadForPath, 0},
    {Opcode::kAccept, IORING_OP_ACCEPT, Beside::kNothing, 0, Holds::kNothing, Finish::kAccepted},
    {Opcode::kConnect, IORING_OP_CONNECT, Beside::kNothing, 0, Holds::kAddress, Finish::kConnected},
    {Opcode::kReceive, IORING_OP_RECV, Beside::kNothing, 0, Holds::kNothing, Finish::kProvided},
    {Opcode::kSend, IORING_OP_SEND, Beside::kNothing, 0},
    {Opcode::kShutdown, IORING_OP_SHUTDOWN, Beside::kInline, 0},
    {Opcode::kTimer, IORING_OP_TIMEOUT, Beside::kNothing, 0, Holds::kTimespec, Finish::kElapsed},
    {Opcode::kAddress, kNoEntry, Beside::kInline, 0},
    {Opcode::kReadv, IORING_OP_READV, Beside::kNothing, 0, Holds::kVector, Finish::kAsIs, Failure::kBreaksLinks},
    {Opcode::kWritev, IORING_OP_WRITEV, Beside::kNothing, 0, Holds::kVector, Finish::kAsIs, Failure::kBreaksLinks},
    {Opcode::kReceiveMessage, IORING_OP_RECVMSG, Beside::kNothing, 0, Holds::kMessage, Finish::kMessageArrived},
    {Opcode::kSendMessage, IORING_OP_SENDMSG, Beside::kNothing, 0, Holds::kMessage},
    {Opcode::kDatagram, kNoEntry, Beside::kThreadForPath, 0},
    {Opcode::kSplice, IORING_OP_SPLICE, Beside::kNothing, kFeatureSplice},
    {Opcode::kPipe, kNoEntry, Beside::kInline, 0},
    {Opcode::kPoll, IORING_OP_POLL_ADD, Beside::kNothing, 0, Holds::kNothing, Finish::kPolled},
    {Opcode::kAdopt, kNoEntry, Beside::kInline, 0},
};

constexpr std::array<EntryInfo, kOpcodeCount> JoinEntries() {
  std::array<EntryInfo, kOpcodeCount> table{};
  for (const EntryInfo& info : kOwnEntries) table[static_cast<uint8_t>(info.opcode)] = info;
  for (const EntryInfo& info : kFileEntries) table[static_cast<uint8_t>(info.opcode)] = info;
  return table;
}

// By number.
inline constexpr std::array<EntryInfo, kOpcodeCount> kEntryTable = JoinEntries();

constexpr bool IsWhole() {
  for (uint32_t number = 0; number < kOpcodeCount; number++) {
    if (kEntryTable[number].opcode != static_cast<Opcode>(number)) return false;
  }
  return true;
}
static_assert(std::size(kOwnEntries) + std::size(kFileEntries) == kOpcodeCount && IsWhole());

constexpr const EntryInfo& EntryOf(Opcode opcode) { return kEntryTable[static_cast<uint8_t>(opcode)]; }

}  // namespace baton::uring

#endif  // BATON_URING_ENTRIES_H_
