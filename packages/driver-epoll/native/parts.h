// What is left of a transfer between a descriptor and memory in one or several parts.
#ifndef BATON_EPOLL_PARTS_H_
#define BATON_EPOLL_PARTS_H_

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "baton/opcode.gen.h"

namespace baton::epoll {

class Parts {
 public:
  // `entries` are changed as the transfer goes on, and must outlive this.
  Parts(iovec* entries, uint32_t count) : first_(entries), count_(count) {
    for (uint32_t index = 0; index < count; index++) {
      // What is beyond one call is for the caller's next operation.
      const size_t room = size_t{kTransferBytesMax} - bytes_;
      entries[index].iov_len = std::min(entries[index].iov_len, room);
      bytes_ += entries[index].iov_len;
    }
  }

  const iovec* data() const { return first_; }
  int count() const { return static_cast<int>(count_); }
  size_t bytes() const { return bytes_; }

  // That many bytes are done.
  void Advance(size_t moved) {
    bytes_ -= moved;
    while (count_ > 0 && moved >= first_->iov_len) {
      moved -= first_->iov_len;
      first_++;
      count_--;
    }
    if (count_ == 0) return;
    first_->iov_base = static_cast<uint8_t*>(first_->iov_base) + moved;
    first_->iov_len -= moved;
  }

  std::vector<iovec> Copy() const { return std::vector<iovec>(first_, first_ + count_); }

 private:
  iovec* first_;
  uint32_t count_;
  size_t bytes_ = 0;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_PARTS_H_
