// From a submission record to an entry of the ring.
#ifndef BATON_URING_PREPARE_H_
#define BATON_URING_PREPARE_H_

#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>

#include "baton/check.h"
#include "baton/file_calls.h"
#include "baton/message.h"
#include "baton/open_call.h"
#include "baton/poll_events.h"
#include "baton/stat_answer.h"
#include "baton/vector.h"
#include "compat.h"
#include "file_entries.gen.h"
#include "op.h"
#include "state.h"
#include "user_data.h"
#include "zero_copy.h"

namespace baton::uring {

inline constexpr int64_t kUsPerSecond = 1'000'000;
inline constexpr int64_t kNsPerUs = 1000;

inline __kernel_timespec Timespec(int64_t microseconds) {
  return {microseconds / kUsPerSecond, microseconds % kUsPerSecond * kNsPerUs};
}

class Preparation {
 public:
  // `fd` and `second_fd` are the descriptors of the handles, -1 without.
  Preparation(State& state, Op& op, const SubmissionRecord& record, int fd, int second_fd)
      : state_(state), op_(op), record_(record), fd_(fd), second_fd_(second_fd) {}

  // `chained`: others stand behind it in the same chain.
  void Fill(io_uring_sqe* sqe, bool chained) {
    if (InfoOf(op_.opcode).area != AreaContent::kNone) [[unlikely]]
      op_.data = area();
    switch (op_.opcode) {
      case Opcode::kNop:
        return io_uring_prep_nop(sqe);
      case Opcode::kOpen:
        return io_uring_prep_openat(sqe, AT_FDCWD, FirstPath(area()), SystemOpenFlags(record_.argument0) | O_NONBLOCK,
                                    static_cast<mode_t>(record_.argument1));
      case Opcode::kClose:
        return io_uring_prep_close(sqe, fd_);
      case Opcode::kRead:
        io_uring_prep_read(sqe, fd_, Lend(), record_.length, position());
        return UseRegistration(sqe, IORING_OP_READ_FIXED);
      case Opcode::kWrite:
        io_uring_prep_write(sqe, fd_, Lend(), record_.length, position());
        return UseRegistration(sqe, IORING_OP_WRITE_FIXED);
      case Opcode::kStat:
        return FillStat(sqe);
      case Opcode::kAccept:
        if (record_.Has(kSubmitMultishot))
          return io_uring_prep_multishot_accept(sqe, fd_, nullptr, nullptr, SOCK_CLOEXEC);
        return io_uring_prep_accept(sqe, fd_, nullptr, nullptr, SOCK_CLOEXEC);
      case Opcode::kConnect:
        return io_uring_prep_connect(sqe, op_.fd, op_.address->get(), op_.address->length);
      case Opcode::kReceive:
        return FillReceive(sqe);
      case Opcode::kSend:
        return FillSend(sqe, chained);
      case Opcode::kShutdown:
        return io_uring_prep_shutdown(sqe, fd_, static_cast<int>(record_.argument0));
      case Opcode::kTimer:
        *state_.operations.TakeTimespec(op_) = Timespec(record_.Position());
        // In a chain the end of the time is no failure.
        return io_uring_prep_timeout(sqe, op_.timespec, 0, chained ? IORING_TIMEOUT_ETIME_SUCCESS : 0U);
      case Opcode::kReadv:
      case Opcode::kWritev:
        return FillVector(sqe);
      case Opcode::kReceiveMessage:
      case Opcode::kSendMessage:
        return FillMessage(sqe);
      case Opcode::kSplice:
        return io_uring_prep_splice(sqe, fd_, record_.Position(), second_fd_, record_.Argument(), record_.length, 0);
      case Opcode::kPoll:
        return io_uring_prep_poll_add(sqe, fd_, SystemPollEvents(record_.argument0));
      BATON_CASE_FILE_CALL:
      BATON_CASE_PATH_CALL:
        return FillFileEntry(sqe, op_.opcode, record_, fd_, op_.data);
      case Opcode::kCancel:
        return io_uring_prep_cancel64(sqe, UserData(record_.argument0, record_.argument1), 0);
      case Opcode::kListen:
      case Opcode::kAddress:
      case Opcode::kDatagram:
      case Opcode::kPipe:
      case Opcode::kAdopt:
        BATON_CHECK(false && "no entry of the ring");
    }
  }

 private:
  uint8_t* area() const { return state_.shared.arena(record_.arena_offset); }
  // The kernel's interface takes positions unsigned; -1 stays all ones.
  uint64_t position() const { return static_cast<uint64_t>(record_.Position()); }
  int message_flags() const { return static_cast<int>(record_.argument0); }

  // Where the operation's buffer is, which `CheckRecord` has found; from here on the operation counts on its memory.
  uint8_t* Lend() {
    const BufferCell& cell = state_.buffers.At(static_cast<uint32_t>(record_.buffer));
    op_.slab = cell.slab;
    if (op_.slab != nullptr) op_.slab->Ref();
    return cell.data + record_.buffer_offset;
  }

  // Where the kernel knows the memory beforehand it need not look it up, nor pin it for the device.
  void UseRegistration(io_uring_sqe* sqe, uint8_t operation) {
    if (op_.slab == nullptr || op_.slab->registration() < 0 || record_.length == 0) return;
    sqe->opcode = operation;
    sqe->buf_index = static_cast<uint16_t>(op_.slab->registration());
  }

  void FillStat(io_uring_sqe* sqe) {
    // Not in the arena: its area starts with the path, and the kernel writes while it may still read.
    struct statx* stat = state_.operations.TakeStat(op_);
    const bool of_handle = record_.argument0 == 0;
    const int flags = of_handle ? AT_EMPTY_PATH : record_.argument0 == 2 ? AT_SYMLINK_NOFOLLOW : 0;
    const char* path = of_handle ? "" : FirstPath(area());
    io_uring_prep_statx(sqe, of_handle ? fd_ : AT_FDCWD, path, flags, kStatMask, stat);
  }

  void FillReceive(io_uring_sqe* sqe) {
    if (!record_.Has(kSubmitProvidedBuffer)) {
      io_uring_prep_recv(sqe, fd_, Lend(), record_.length, message_flags());
      return;
    }
    if (record_.Has(kSubmitMultishot)) {
      io_uring_prep_recv_multishot(sqe, fd_, nullptr, 0, message_flags());
    } else {
      io_uring_prep_recv(sqe, fd_, nullptr, record_.length, message_flags());
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BufferRing::kGroup;
  }

  void FillSend(io_uring_sqe* sqe, bool chained) {
    const int flags = message_flags() | MSG_NOSIGNAL;
    op_.data = Lend();
    op_.length = record_.length;
    const bool wanted = state_.zero_copy_min_bytes != 0 && record_.length >= state_.zero_copy_min_bytes;
    // One that turns out not to be possible is sent again the plain way; within a chain that would be too late. And the
    // timeout of an entry is over with its first completion, while the network may have the memory for much longer.
    const bool can = !chained && !record_.Has(kSubmitTimeout) && HasOwnPages(op_.slab);
    if (wanted && can && state_.features.zero_copy_send && !state_.handles.At(op_.handle).state.no_zero_copy) {
      op_.zero_copy = true;
      io_uring_prep_send_zc(sqe, fd_, op_.data, record_.length, flags, 0);
      return;
    }
    io_uring_prep_send(sqe, fd_, op_.data, record_.length, flags);
  }

  void FillVector(io_uring_sqe* sqe) {
    BufferVector* vector = state_.operations.TakeVector(op_);
    vector->Take(area(), record_.vector_count, state_.buffers);
    if (op_.opcode == Opcode::kReadv) {
      io_uring_prep_readv(sqe, fd_, vector->entries(), vector->count(), position());
    } else {
      io_uring_prep_writev(sqe, fd_, vector->entries(), vector->count(), position());
    }
  }

  void FillMessage(io_uring_sqe* sqe) {
    Message* message = state_.operations.TakeMessage(op_);
    if (op_.opcode == Opcode::kReceiveMessage) {
      message->PrepareReceive(area(), record_.vector_count, state_.buffers);
      io_uring_prep_recvmsg(sqe, fd_, message->header(), 0);
      return;
    }
    // Its address was looked at before.
    BATON_CHECK(message->PrepareSend(area(), record_.vector_count, state_.buffers) == 0);
    io_uring_prep_sendmsg(sqe, fd_, message->header(), MSG_NOSIGNAL);
  }

  State& state_;
  Op& op_;
  const SubmissionRecord& record_;
  const int fd_;
  const int second_fd_;
};

}  // namespace baton::uring

#endif  // BATON_URING_PREPARE_H_
