// Writes the entries of operations into the ring.
#ifndef BATON_URING_ENTRY_WRITER_H_
#define BATON_URING_ENTRY_WRITER_H_

#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>

#include "admit.h"
#include "baton/check.h"
#include "handover.h"
#include "op.h"
#include "prepare.h"
#include "state.h"
#include "user_data.h"

namespace baton::uring {

template <typename Port>
class EntryWriter {
 public:
  EntryWriter(State& state, Handover<Port>& handover) : state_(state), handover_(handover) {}

  // The timeout of an operation is an entry of its own behind it.
  static uint32_t EntriesOf(const SubmissionRecord& record) { return record.Has(kSubmitTimeout) ? 2 : 1; }

  // Makes room for so many; false when the kernel does not take any more for now.
  bool Reserve(uint32_t entries) { return handover_.Reserve(entries); }
  bool HasRoom(const SubmissionRecord& record) { return Reserve(EntriesOf(record)); }
  uint32_t capacity() const { return handover_.capacity(); }

  // Writes the entry of an operation, for which there is room. `chained`: others stand behind it in its segment.
  void Write(uint32_t slot, Op& op, const SubmissionRecord& record, const Admission& admission, bool chained) {
    io_uring_sqe* sqe = handover_.port().GetSqe();
    BATON_CHECK(sqe != nullptr);
    Preparation(state_, op, record, admission.fd, admission.second_fd).Fill(sqe, chained);
    sqe->user_data = UserData(slot, record.generation);
    if (chained) sqe->flags |= IOSQE_IO_LINK;
    if (record.Has(kSubmitTimeout)) [[unlikely]]
      AddTimeout(slot, op, record, sqe, chained);
  }

  // An operation that is in flight gets an entry once more: a send that cannot be without a copy, or a close that had
  // to wait. False when there is no room.
  bool WriteAgain(uint32_t slot) {
    Op& op = state_.operations.At(slot);
    const uint32_t flags = state_.shared.record(slot).argument0;
    const int fd = state_.handles.At(op.handle).fd;
    io_uring_sqe* sqe = handover_.GetSqe();
    if (sqe == nullptr) return false;
    if (op.opcode == Opcode::kClose) {
      io_uring_prep_close(sqe, fd);
    } else {
      io_uring_prep_send(sqe, fd, op.data, op.length, static_cast<int>(flags) | MSG_NOSIGNAL);
    }
    sqe->user_data = UserData(slot, op.generation);
    return true;
  }

  // An entry of no operation; null when there is no room.
  io_uring_sqe* GetSqe() { return handover_.GetSqe(); }

 private:
  void AddTimeout(uint32_t slot, Op& op, const SubmissionRecord& record, io_uring_sqe* sqe, bool chained) {
    sqe->flags |= IOSQE_IO_LINK;
    io_uring_sqe* timeout = handover_.port().GetSqe();
    BATON_CHECK(timeout != nullptr);
    op.timeout_state = TimeoutState::kArmed;
    *state_.operations.TakeTimeout(op) = Timespec(record.TimeoutUs());
    io_uring_prep_link_timeout(timeout, op.timeout, 0);
    timeout->user_data = UserData(slot, record.generation, Tag::kTimeout);
    if (chained) timeout->flags |= IOSQE_IO_LINK;
  }

  State& state_;
  Handover<Port>& handover_;
};

}  // namespace baton::uring

#endif  // BATON_URING_ENTRY_WRITER_H_
