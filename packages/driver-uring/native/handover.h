// Handing entries over to the kernel: nothing is lost and nothing is doubled, because an entry leaves the queue only
// when the kernel has taken it.
#ifndef BATON_URING_HANDOVER_H_
#define BATON_URING_HANDOVER_H_

#include <liburing.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace baton::uring {

inline constexpr uint32_t kReapBatch = 64;

// An entry that was prepared, and that the kernel has not taken.
struct Untaken {
  uint64_t user_data;
  uint8_t flags;
};

template <typename Port>
class Handover {
 public:
  explicit Handover(std::unique_ptr<Port> port) : port_(std::move(port)) {}

  Port& port() { return *port_; }
  const Port& port() const { return *port_; }
  // Completions that were taken out of the ring to make room, in their order.
  std::deque<io_uring_cqe>& stash() { return stash_; }
  // Most entries that can go together.
  uint32_t capacity() const { return port_->SqEntries(); }

  // The next entry to fill; null when the kernel does not take any more for now.
  io_uring_sqe* GetSqe() {
    io_uring_sqe* sqe = port_->GetSqe();
    if (sqe != nullptr) [[likely]]
      return sqe;
    MakeRoom(1);
    return port_->GetSqe();
  }

  // Room for entries that must go together. A chain that were cut in two would be two chains for the kernel.
  bool Reserve(uint32_t entries) {
    if (port_->SqSpaceLeft() >= entries) return true;
    MakeRoom(entries);
    return port_->SqSpaceLeft() >= entries;
  }

  // Something is prepared that the kernel does not know of; it must be tried again soon.
  bool has_unsubmitted() const { return failure_ != 0 || (!port_->TakesByItself() && port_->SqReady() > 0); }

  // The errno with which the kernel has refused to take anything for longer than one waits for it, 0 otherwise. Only
  // then, and only what has not been taken, can be taken back.
  int lasting_error() const {
    return failure_ != 0 && Clock::now() - failing_since_ > kPatience && CanTakeBack() ? failure_ : 0;
  }

  // Empties the queue: what was in it, in order.
  std::vector<Untaken> TakeBack() {
    std::vector<Untaken> entries;
    port_->TakeBack([&entries](const io_uring_sqe& sqe) { entries.push_back({sqe.user_data, sqe.flags}); });
    return entries;
  }

  // Hands over everything that is prepared, whatever it takes.
  void Flush() {
    int attempts = 0;
    while (port_->SqReady() > 0) {
      const int taken = port_->Submit();
      if (taken >= 0) failure_ = 0;
      // Its thread takes them in its own time; waiting for that would be the work that it is there to save.
      if (taken >= 0 && port_->TakesByItself()) return;
      if (taken > 0) continue;
      if (taken < 0 && taken != -EINTR && taken != -EAGAIN && taken != -EBUSY) return NoteFailure(taken);
      // No room for completions, or no memory for now: what is ready makes some.
      if (taken != -EINTR) Stash();
      if (++attempts == kSubmitAttempts) return;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  // How long the kernel may refuse everything with an error that no completion mends (ENOMEM, or EPERM of a filter that
  // came later) before what is prepared ends with it.
  static constexpr std::chrono::milliseconds kPatience{1000};

  void NoteFailure(int error) {
    if (failure_ == 0) failing_since_ = Clock::now();
    failure_ = error;
  }

  // The thread of sqpoll reads the queue at any time, unless it is dead.
  bool CanTakeBack() const { return !port_->TakesByItself() || failure_ == -EOWNERDEAD; }

  void MakeRoom(uint32_t entries) {
    Flush();
    if (!port_->TakesByItself()) return;
    // Its thread makes room in microseconds. The wait is for any, and pending work of this thread ends it early.
    for (int waits = 0; waits < kSubmitAttempts && failure_ == 0 && port_->SqSpaceLeft() < entries; waits++) {
      port_->WaitForRoom();
      Flush();
    }
  }

  // Attempts to hand prepared entries over, or to find room for more, before giving up for now.
  static constexpr int kSubmitAttempts = 64;

  // Takes completions out of the ring, to be handled in their order later.
  void Stash() {
    if (port_->HasDeferred()) (void)port_->FetchDeferred();
    io_uring_cqe* cqes[kReapBatch];
    for (;;) {
      const uint32_t count = port_->Peek(cqes, kReapBatch);
      if (count == 0) return;
      for (uint32_t index = 0; index < count; index++) stash_.push_back(*cqes[index]);
      port_->Advance(count);
    }
  }

  const std::unique_ptr<Port> port_;
  std::deque<io_uring_cqe> stash_;
  // What the kernel has answered every time since then; 0 when it takes entries.
  int failure_ = 0;
  Clock::time_point failing_since_;
};

}  // namespace baton::uring

#endif  // BATON_URING_HANDOVER_H_
