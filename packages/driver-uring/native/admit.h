// Whether an operation can be started, and how: looked at before anything is done for it, so that what is refused
// leaves nothing behind.
#ifndef BATON_URING_ADMIT_H_
#define BATON_URING_ADMIT_H_

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>

#include "baton/address.h"
#include "baton/file_calls.h"
#include "baton/record_check.h"
#include "entries.h"
#include "state.h"

namespace baton::uring {

// Where an operation is performed: by the kernel as an entry of the ring, on the calling thread, on another.
enum class Way : uint8_t { kEntry, kInline, kThread };

// What one operation needs, or why it is refused.
struct Admission {
  // 0, or the negative errno that it is answered with.
  int32_t refusal = 0;
  Way way = Way::kEntry;
  int fd = -1;
  int second_fd = -1;
};

enum class Standing : uint8_t { kAlone, kInChain };

// Whether the operation has held its handles since its chain was submitted: then they may have been closed meanwhile.
enum class Hold : uint8_t { kNot, kHeld };

// Beside what the table of operations says of its flags: what this ring does not have, and what is nothing in a chain.
inline bool CanHonour(const Features& features, Opcode opcode, const SubmissionRecord& record, Standing standing) {
  if (standing == Standing::kInChain) {
    // What ends only when it is canceled has nothing that could come after it, and nobody waits for a cancel.
    if (record.Has(kSubmitMultishot) || (InfoOf(opcode).flags & kSubmitLink) == 0) return false;
  }
  if (record.Has(kSubmitMultishot)) {
    const bool accepts = opcode == Opcode::kAccept;
    if (!(accepts ? features.multishot_accept : features.multishot_receive)) return false;
  }
  if (record.Has(kSubmitProvidedBuffer) && !features.buffer_ring) return false;
  return !record.Has(kSubmitTimeout) || (features.link_timeout && !record.Has(kSubmitMultishot));
}

inline bool FitsEntry(Opcode opcode, const SubmissionRecord& record) {
  // What an earlier try has begun is only looked at.
  if (opcode == Opcode::kOpen) return record.handle_index < 0;
  // The length of an advice is 32 bits wide in an entry before Linux 6.10; a longer one would be cut in silence.
  return opcode != Opcode::kAdvise || (record.Argument() >= 0 && record.Argument() <= INT64_C(0xffffffff));
}

// How an operation is performed that is no entry of the ring, or does not fit one.
inline Way WayBeside(const State& state, Opcode opcode, const SubmissionRecord& record) {
  const Beside beside = EntryOf(opcode).beside;
  const bool waits = beside == Beside::kThread ||
                     (beside == Beside::kThreadForPath && NamesPath(state.shared.arena(record.arena_offset)));
  return waits ? Way::kThread : Way::kInline;
}

// An entry that the kernel refuses while it takes it would cancel what stands *before* it in its chain, so what it
// refuses there is found out here.
inline int32_t RefuseArguments(State& state, Opcode opcode, const SubmissionRecord& record) {
  const auto path = [](uint32_t length) { return length == 0 ? -ENOENT : length >= PATH_MAX ? -ENAMETOOLONG : 0; };
  const OpcodeInfo& info = InfoOf(opcode);
  switch (info.area) {
    case AreaContent::kPath:
    case AreaContent::kOpenedPath:
      return path(record.length);
    case AreaContent::kStatPath:
      return record.argument0 == 0 ? 0 : path(record.length);
    case AreaContent::kTwoPaths: {
      const int32_t first = path(record.length);
      return first < 0 ? first : path(record.argument1);
    }
    case AreaContent::kMessage: {
      if (info.buffer != BufferUse::kKernelReads) return 0;
      uint32_t family;
      const uint8_t* area = state.shared.arena(record.arena_offset);
      std::memcpy(&family, area + kAddressFamilyWord * sizeof(family), sizeof(family));
      SystemAddress address;
      return family == kAddressFamilyNone ? 0 : ReadAddress(area, &address);
    }
    case AreaContent::kNone:
    case AreaContent::kAddress:
    case AreaContent::kVector:
    case AreaContent::kHandles:
    case AreaContent::kAdopted:
      break;
  }
  return 0;
}

inline Admission Refused(int32_t refusal) { return {refusal, Way::kInline, -1, -1}; }

inline Handles::Cell* FindHandle(State& state, int32_t index, uint32_t generation, Hold hold) {
  return hold == Hold::kHeld ? state.handles.FindHeld(index, generation) : state.handles.Find(index, generation);
}

inline bool IsWriteAt(Opcode opcode, const SubmissionRecord& record) {
  return (opcode == Opcode::kWrite || opcode == Opcode::kWritev) && record.Position() >= 0;
}

inline Admission Admit(State& state, const SubmissionRecord& record, Standing standing, Hold hold = Hold::kNot) {
  if (const int32_t wrong = CheckRecord(record, state.shared, state.buffers); wrong < 0) return Refused(wrong);
  const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
  constexpr uint32_t kFlags = kSubmitMultishot | kSubmitProvidedBuffer | kSubmitTimeout;
  if (record.Has(kFlags) || standing == Standing::kInChain) [[unlikely]] {
    if (!CanHonour(state.features, opcode, record, standing)) return Refused(-EOPNOTSUPP);
  }
  Admission admission;
  if (!state.features.IsEntry(opcode) || !FitsEntry(opcode, record)) {
    if (EntryOf(opcode).beside == Beside::kNothing) return Refused(-EOPNOTSUPP);
    admission.way = WayBeside(state, opcode, record);
    // No thread can be made to leave a call when its time is up.
    if (admission.way == Way::kThread && record.Has(kSubmitTimeout)) return Refused(-EOPNOTSUPP);
  }
  const OpcodeInfo& info = InfoOf(opcode);
  if (NeedsHandle(info, record)) {
    const Handles::Cell* cell = FindHandle(state, record.handle_index, record.handle_generation, hold);
    if (cell == nullptr) return Refused(-EBADF);
    if (cell->state.no_writes_at && IsWriteAt(opcode, record)) [[unlikely]]
      return Refused(-ESPIPE);
    admission.fd = cell->fd;
    if (info.handles == HandleUse::kTwo) {
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
