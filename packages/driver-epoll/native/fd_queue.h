// Operations that wait for a descriptor: per descriptor one queue for each side, in order, any number of them.
// Linked through the operations themselves, so that one can be taken out of the middle without a search.
#ifndef BATON_EPOLL_FD_QUEUE_H_
#define BATON_EPOLL_FD_QUEUE_H_

#include <cstdint>

#include "baton/check.h"

namespace baton::epoll {

inline constexpr uint32_t kNoSlot = UINT32_MAX;

// What of a descriptor an operation waits for: a direction, or any event.
enum class Side : uint8_t { kNone, kRead, kWrite, kAny };

// An operation's place in a queue.
struct QueueLink {
  uint32_t next = kNoSlot;
  uint32_t previous = kNoSlot;
  Side side = Side::kNone;
};

// `Links` is an array of operations with a member `link`, by slot.
class FdQueue {
 public:
  bool empty() const { return head_ == kNoSlot; }
  uint32_t front() const { return head_; }

  template <typename Links>
  void PushBack(Links& operations, uint32_t slot, Side side) {
    QueueLink& link = operations[slot].link;
    BATON_CHECK(link.side == Side::kNone);
    link = {kNoSlot, tail_, side};
    if (tail_ == kNoSlot) {
      head_ = slot;
    } else {
      operations[tail_].link.next = slot;
    }
    tail_ = slot;
  }

  template <typename Links>
  void Remove(Links& operations, uint32_t slot) {
    QueueLink& link = operations[slot].link;
    BATON_CHECK(link.side != Side::kNone);
    if (link.previous == kNoSlot) {
      head_ = link.next;
    } else {
      operations[link.previous].link.next = link.next;
    }
    if (link.next == kNoSlot) {
      tail_ = link.previous;
    } else {
      operations[link.next].link.previous = link.previous;
    }
    link = {};
  }

 private:
  uint32_t head_ = kNoSlot;
  uint32_t tail_ = kNoSlot;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_FD_QUEUE_H_
