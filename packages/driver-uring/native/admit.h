// Whether an operation can be started, and how: looked at before anything is done for it, so that what is refused
// leaves nothing behind.
#ifndef BATON_URING_ADMIT_H_
#define BATON_URING_ADMIT_H_

#include <cerrno>
#include <climits>
#include <cstdint>

#include "baton/address.h"
#include "baton/file_calls.h"
#include "baton/record_check.h"
#include "here.h"
#include "state.h"

namespace baton::uring {

// Where an operation is performed: by the kernel as an entry of the ring, on the calling thread, on another.
enum class Way : uint8_t { kEntry, kHere, kThread };

// What one operation needs, or why it is refused.
struct Admission {
  // 0, or the negative errno that it is answered with.
  int32_t refusal = 0;
  Way way = Way::kEntry;
  int fd = -1;
  int second_fd = -1;
};

enum class Place : uint8_t { kAlone, kInChain };

// Whether the operation has held its handles since its chain was submitted: then they may have been closed meanwhile.
enum class Hold : uint8_t { kNot, kHeld };

// A flag is never passed over in silence: what an operation cannot honour, it is refused for.
inline bool KnowsFlags(const Features& features, Opcode opcode, const SubmissionRecord& record, Place place) {
  const bool multishot = record.Has(kSubmitMultishot);
  const bool select = record.Has(kSubmitBufferSelect);
  if (multishot) {
    // What ends only when it is cancelled has nothing that could come after it.
    if (place == Place::kInChain) return false;
    if (opcode == Opcode::kReceive) {
      if (!select || !features.multishot_receive) return false;
    } else if (opcode != Opcode::kAccept || !features.multishot_accept) {
      return false;
    }
  }
  if (select && (opcode != Opcode::kReceive || !features.buffer_ring)) return false;
  if (record.Has(kSubmitTimeout)) {
    // The timeout of a splice would stand where its second handle does.
    if (!features.link_timeout || multishot || opcode == Opcode::kSplice || opcode == Opcode::kCancel) return false;
  }
  return !(place == Place::kInChain && opcode == Opcode::kCancel);
}

constexpr bool NeedsHandle(Opcode opcode, const SubmissionRecord& record) {
  switch (opcode) {
    case Opcode::kNop:
    case Opcode::kCancel:
    case Opcode::kOpen:
    case Opcode::kTimer:
    case Opcode::kAdopt:
    case Opcode::kListen:
    case Opcode::kConnect:
    case Opcode::kDatagram:
    case Opcode::kPipe:
    case Opcode::kUnlink:
    case Opcode::kRename:
    case Opcode::kMkdir:
    case Opcode::kHardlink:
    case Opcode::kSymlink:
      return false;
    case Opcode::kStat:
      return record.argument0 == 0;
    default:
      return true;
  }
}

// An entry that the kernel refuses while it takes it would cancel what stands *before* it in its chain, so what it
// refuses there is found out here.
inline int32_t RefuseArguments(State& state, Opcode opcode, const SubmissionRecord& record) {
  const auto path = [](uint32_t length) { return length == 0 ? -ENOENT : length >= PATH_MAX ? -ENAMETOOLONG : 0; };
  switch (opcode) {
    case Opcode::kOpen:
    case Opcode::kUnlink:
    case Opcode::kMkdir:
      return path(record.length);
    case Opcode::kStat:
      return record.argument0 == 0 ? 0 : path(record.length);
    case Opcode::kRename:
    case Opcode::kHardlink:
    case Opcode::kSymlink: {
      const int32_t first = path(record.length);
      return first < 0 ? first : path(record.argument1);
    }
    case Opcode::kSendMessage: {
      uint32_t family;
      const uint8_t* area = state.shared.arena(record.arena_offset);
      std::memcpy(&family, area + kAddressFamilyWord * sizeof(family), sizeof(family));
      SystemAddress address;
      return family == kAddressFamilyNone ? 0 : ReadAddress(area, &address);
    }
    default:
      return 0;
  }
}

inline Admission Refused(int32_t refusal) { return {refusal, Way::kHere, -1, -1}; }

inline Handles::Cell* FindHandle(State& state, int32_t index, uint32_t generation, Hold hold) {
  return hold == Hold::kHeld ? state.handles.FindHeld(index, generation) : state.handles.Find(index, generation);
}

inline Admission Admit(State& state, const SubmissionRecord& record, Place place, Hold hold = Hold::kNot) {
  if (const int32_t wrong = CheckRecord(record, state.shared, state.buffers); wrong < 0) return Refused(wrong);
  const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
  constexpr uint32_t kFlags = kSubmitMultishot | kSubmitBufferSelect | kSubmitTimeout;
  if (record.Has(kFlags) || place == Place::kInChain) [[unlikely]] {
    if (!KnowsFlags(state.features, opcode, record, place)) return Refused(-EOPNOTSUPP);
  }
  Admission admission;
  if (!state.features.IsEntry(opcode) || !FitsEntry(opcode, record)) {
    if (!HasCall(opcode)) return Refused(-EOPNOTSUPP);
    admission.way = MayBlock(state, opcode, record) ? Way::kThread : Way::kHere;
    // No thread can be made to leave a call when its time is up.
    if (admission.way == Way::kThread && record.Has(kSubmitTimeout)) return Refused(-EOPNOTSUPP);
  }
  if (NeedsHandle(opcode, record)) {
    const Handles::Cell* cell = FindHandle(state, record.handle_index, record.handle_generation, hold);
    if (cell == nullptr) return Refused(-EBADF);
    admission.fd = cell->fd;
    if (opcode == Opcode::kSplice) {
      const Handles::Cell* second =
          FindHandle(state, record.second_handle_index, record.second_handle_generation, hold);
      if (second == nullptr) return Refused(-EBADF);
      admission.second_fd = second->fd;
    }
  }
  admission.refusal = RefuseArguments(state, opcode, record);
  return admission;
}

}  // namespace baton::uring

#endif  // BATON_URING_ADMIT_H_
