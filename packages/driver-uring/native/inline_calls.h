// Operations that are no entry of the ring: made of several system calls, or of one that does not block, or missing in
// this kernel. What cannot block is over when `PerformInline` returns; the rest goes to a thread.
#ifndef BATON_URING_INLINE_CALLS_H_
#define BATON_URING_INLINE_CALLS_H_

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "baton/address.h"
#include "baton/adopt_call.h"
#include "baton/open_call.h"
#include "baton/pipe.h"
#include "baton/socket_calls.h"
#include "entries.h"
#include "op.h"
#include "state.h"

namespace baton::uring {

// The reading end of a FIFO is open since an earlier try: has the other end come?
inline Outcome ResumeOpen(State& state, const SubmissionRecord& record) {
  if (record.handle_index < 0) return {-EOPNOTSUPP};
  const Handles::Cell* cell = state.handles.Find(record.handle_index, record.handle_generation);
  if (cell == nullptr) return {-EBADF};
  const HandleId id{record.handle_index, record.handle_generation};
  if (HasHadWriter(cell->fd)) {
    WriteOpenAnswer(-1, state.shared.arena(record.arena_offset));
    return {id.index, id.generation << kAuxiliaryShift};
  }
  WriteBegun(id, state.shared.arena(record.arena_offset));
  return {-EAGAIN, kCompletionBegun};
}

inline Outcome AdoptInline(State& state, Result<UniqueFd> fd) {
  if (!fd.ok()) return {fd.error(), 0};
  const auto [result, flags] = state.Adopt(fd.value().Release());
  return {result, flags};
}

// A descriptor of the program's. Its mode stays what it is: the ring waits for what is in non-blocking mode too (Linux
// 6.18); a kernel that answers EAGAIN instead is asked again by core.
inline Outcome AdoptGiven(State& state, const SubmissionRecord& record, uint8_t* area) {
  Adoptee adoptee;
  const int error = LookAtGiven(state.handles, record, &adoptee);
  if (error < 0) return {error};
  WriteAdoptAnswer(adoptee, record.argument1, area);
  const auto fd = static_cast<int>(record.argument0);
  const auto [result, flags] = state.Adopt(fd, {.no_writes_at = record.argument1 == kAdoptFile && RefusesWritesAt(fd)});
  return {result, flags};
}

inline Outcome MakePipeInline(State& state, const SubmissionRecord& record) {
  auto ends = MakePipe(record.length, 0);
  if (!ends.ok()) return {ends.error(), 0};
  const HandleId read = state.handles.Add(ends.value().read.Release());
  const HandleId write = state.handles.Add(ends.value().write.Release());
  WritePipe(read, write, state.shared.arena(record.arena_offset));
  return {};
}

struct InlineCall {
  Opcode opcode;
  // `fd` is the descriptor of its handle, -1 without one; `area` is null where the operation has none.
  Outcome (*perform)(State& state, const SubmissionRecord& record, int fd, uint8_t* area);
};

inline constexpr InlineCall kInlineCalls[] = {
    {Opcode::kOpen,
     [](State& state, const SubmissionRecord& record, int, uint8_t*) -> Outcome { return ResumeOpen(state, record); }},
    {Opcode::kAdopt,
     [](State& state, const SubmissionRecord& record, int, uint8_t* area) -> Outcome {
       return AdoptGiven(state, record, area);
     }},
    {Opcode::kListen,
     [](State& state, const SubmissionRecord& record, int, uint8_t* area) -> Outcome {
       return AdoptInline(state, Listen(area, record.argument0, static_cast<int>(record.argument1), 0));
     }},
    {Opcode::kDatagram,
     [](State& state, const SubmissionRecord& record, int, uint8_t* area) -> Outcome {
       return AdoptInline(state, Datagram(area, record.argument0, 0));
     }},
    {Opcode::kPipe,
     [](State& state, const SubmissionRecord& record, int, uint8_t*) -> Outcome {
       return MakePipeInline(state, record);
     }},
    {Opcode::kAddress,
     [](State&, const SubmissionRecord& record, int fd, uint8_t* area) -> Outcome {
       return {EndAddress(fd, static_cast<int>(record.argument0), area)};
     }},
    {Opcode::kShutdown,
     [](State&, const SubmissionRecord& record, int fd, uint8_t*) -> Outcome {
       return {::shutdown(fd, static_cast<int>(record.argument0)) == 0 ? 0 : -errno};
     }},
};

constexpr bool HasInlineCall(Opcode opcode) {
  for (const InlineCall& call : kInlineCalls) {
    if (call.opcode == opcode) return true;
  }
  return false;
}

// What the table of entries says is performed inline has its call here, and nothing else has.
constexpr bool AreInlineCallsWhole() {
  for (const EntryInfo& info : kEntryTable) {
    const bool is_inline = info.beside == Beside::kInline || info.beside == Beside::kThreadForPath;
    if (HasInlineCall(info.opcode) != is_inline) return false;
  }
  return true;
}
static_assert(AreInlineCallsWhole());

inline Outcome PerformInline(State& state, Opcode opcode, const SubmissionRecord& record, int fd) {
  uint8_t* area = InfoOf(opcode).area == AreaContent::kNone ? nullptr : state.shared.arena(record.arena_offset);
  for (const InlineCall& call : kInlineCalls) {
    if (call.opcode == opcode) return call.perform(state, record, fd, area);
  }
  return {-EOPNOTSUPP};
}

}  // namespace baton::uring

#endif  // BATON_URING_INLINE_CALLS_H_
