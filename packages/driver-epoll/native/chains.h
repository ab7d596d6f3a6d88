// Which operation follows which: chains of submissions, each started when the one before has ended well. Few
// operations are in one, so what is known of a chain stands apart from them.
#ifndef BATON_EPOLL_CHAINS_H_
#define BATON_EPOLL_CHAINS_H_

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "fd_queue.h"

namespace baton::epoll {

class Chains {
 public:
  bool empty() const { return members_.empty(); }

  // `slot` comes behind `previous`, which has no successor yet.
  void Append(uint32_t previous, uint32_t slot) {
    members_.try_emplace(previous);
    members_[previous].next = slot;
    members_[slot].previous = previous;
  }

  // Takes a member out; what stood behind it, which nobody precedes now, or kNoSlot. Nothing starts in its stead.
  uint32_t Remove(uint32_t slot) {
    const auto found = members_.find(slot);
    if (found == members_.end()) return kNoSlot;
    const Member member = found->second;
    members_.erase(found);
    if (member.previous != kNoSlot) members_[member.previous].next = kNoSlot;
    if (member.next != kNoSlot) members_[member.next].previous = kNoSlot;
    return member.next;
  }

  // Members whose turn has come.
  std::deque<uint32_t> ready;

 private:
  struct Member {
    uint32_t previous = kNoSlot;
    uint32_t next = kNoSlot;
  };

  std::unordered_map<uint32_t, Member> members_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_CHAINS_H_
