// Handing entries over to the kernel: nothing is lost and nothing is doubled, because an entry leaves the queue only
// when the kernel has taken it.
#ifndef BATON_URING_HANDOVER_H_
#define BATON_URING_HANDOVER_H_

#include <liburing.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

namespace baton::uring {

inline constexpr uint32_t kReapBatch = 64;

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
    Flush();
    return port_->GetSqe();
  }

  // Room for entries that must go together. A chain that were cut in two would be two chains for the kernel.
  bool Reserve(uint32_t entries) {
    if (port_->SqSpaceLeft() >= entries) return true;
    Flush();
    return port_->SqSpaceLeft() >= entries;
  }

  // Hands over everything that is prepared, whatever it takes.
  void Flush() {
    int attempts = 0;
    while (port_->SqReady() > 0) {
      const int taken = port_->Submit();
      if (taken > 0) continue;
      if (taken < 0 && taken != -EINTR && taken != -EAGAIN && taken != -EBUSY) return;
      // No room for completions, or no memory for now: what is ready makes some.
      if (taken != -EINTR) Stash();
      if (++attempts == kSubmitAttempts) return;
    }
  }

 private:
  // Attempts to hand prepared entries over before giving up for now.
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
};

}  // namespace baton::uring

#endif  // BATON_URING_HANDOVER_H_
