// From a completion of the ring to a completion record.
#ifndef BATON_URING_FINISH_H_
#define BATON_URING_FINISH_H_

#include <liburing.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "baton/file_calls.h"
#include "baton/open_call.h"
#include "baton/poll_events.h"
#include "baton/stat_answer.h"
#include "entries.h"
#include "op.h"
#include "state.h"

namespace baton::uring {

// What the kernel says, in errnos that a program may see: a splice that a cancel interrupts in its worker answers with
// one of the kernel's own, ERESTARTSYS and its kin (512 to 516, include/linux/errno.h), seen on Linux 6.18.
inline int32_t ResultOf(const io_uring_cqe& cqe) {
  constexpr int32_t kFirstInternal = -512;
  constexpr int32_t kLastInternal = -516;
  return cqe.res <= kFirstInternal && cqe.res >= kLastInternal ? -EINTR : cqe.res;
}

// A descriptor that came with a completion becomes a handle. Nobody takes one that comes while the session ends.
inline uint32_t AdoptArrival(State& state, int32_t* result, const HandleState& handle = {}) {
  if (state.stopping) {
    ::close(*result);
    *result = -ECANCELED;
    return 0;
  }
  const auto [index, flags] = state.Adopt(*result, handle);
  *result = index;
  return flags;
}

// An open that was told not to wait for the other end of a FIFO has ended. Everything else waits as it should from here
// on.
inline uint32_t FinishOpen(State& state, const Op& op, uint32_t slot, int32_t* result) {
  uint8_t* area = op.data;
  const uint32_t bits = state.shared.record(slot).argument0;
  if (*result < 0) {
    *result = static_cast<int32_t>(FifoAnswer(*result, FirstPath(area), bits));
    return 0;
  }
  const bool lacks_writer = LacksWriter(*result, bits);
  if ((bits & kOpenNonBlock) == 0) MakeBlocking(*result);
  const int64_t position = OwnPosition(*result);
  const bool no_writes_at = (bits & kOpenWrite) != 0 && RefusesWritesAt(*result);
  const uint32_t flags = AdoptArrival(state, result, {.no_writes_at = no_writes_at});
  if (*result < 0) return flags;
  if (!lacks_writer) {
    WriteOpenAnswer(position, area);
    return flags;
  }
  WriteBegun({*result, flags >> kAuxiliaryShift}, area);
  *result = -EAGAIN;
  return kCompletionBegun;
}

// What the result of an operation means for the engine; the flags of its completion record. `result` is changed where
// core is told something else than the kernel said.
inline uint32_t Interpret(State& state, Op& op, uint32_t slot, uint32_t cqe_flags, int32_t* result) {
  switch (EntryOf(op.opcode).finish) {
    case Finish::kProvided:
      if ((cqe_flags & IORING_CQE_F_BUFFER) == 0) return 0;
      return state.ClaimProvided(cqe_flags >> IORING_CQE_BUFFER_SHIFT) << kAuxiliaryShift | kCompletionProvidedBuffer;
    case Finish::kOpened:
      return FinishOpen(state, op, slot, result);
    case Finish::kAccepted:
      return *result >= 0 ? AdoptArrival(state, result) : 0;
    case Finish::kConnected:
      if (*result == 0) {
        *result = op.fd;
        return AdoptArrival(state, result);
      }
      ::close(op.fd);
      return 0;
    case Finish::kElapsed:
      if (*result == -ETIME) *result = 0;
      return 0;
    case Finish::kFileFacts:
      if (*result == 0) WriteStat(*op.stat, op.data);
      return 0;
    case Finish::kMessageArrived:
      if (*result >= 0) op.message->WriteAnswer(op.data);
      return 0;
    case Finish::kPolled:
      if (*result >= 0) *result = static_cast<int32_t>(PollBits(static_cast<uint32_t>(*result)));
      return 0;
    case Finish::kClosed:
      // Never begun, because what it stood behind failed or because the session ends: the descriptor is still there.
      if (*result == -ECANCELED) {
        state.handles.At(op.handle).open = true;
      } else {
        state.handles.Recycle(op.handle);
      }
      return 0;
    case Finish::kAsIs:
      return 0;
  }
  return 0;
}

}  // namespace baton::uring

#endif  // BATON_URING_FINISH_H_
