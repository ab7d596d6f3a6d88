// Pool memory that the kernel knows beforehand: each slab is one entry of a table that starts empty (Linux 5.19). What
// does not fit, or what the limit on locked memory forbids, is used as if it were not registered.
#ifndef BATON_URING_REGISTERED_BUFFERS_H_
#define BATON_URING_REGISTERED_BUFFERS_H_

#include <liburing.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/slab.h"

namespace baton::uring {

class RegisteredBuffers : public SlabObserver {
 public:
  // Registers the empty table; 0 or a negative errno.
  int Start(io_uring* ring) {
    const int error = io_uring_register_buffers_sparse(ring, kSlabs);
    if (error < 0) return error;
    ring_ = ring;
    for (int32_t number = kSlabs; number > 0; number--) free_.push_back(number - 1);
    return 0;
  }

  void OnAllocated(Slab* slab) override {
    // Registered memory is written to whatever its protection says: guard pages would guard nothing.
    if (free_.empty() || slab->has_guard_pages() || slab->bytes() > kBytesMax) return;
    const int32_t number = free_.back();
    if (Update(number, {slab->base(), slab->bytes()}) != 1) return;
    free_.pop_back();
    slab->set_registration(number);
  }

  // Operations in flight keep what they use; the entry is free for another slab at once.
  void OnFreed(Slab* slab) override {
    if (slab->registration() < 0) return;
    if (Update(slab->registration(), {nullptr, 0}) == 1) free_.push_back(slab->registration());
    slab->set_registration(-1);
  }

  // The entry stands for the pages that were there when it was made; operations in flight keep those.
  void OnChanged(Slab* slab) override {
    if (slab->registration() < 0) return;
    if (Update(slab->registration(), {slab->base(), slab->bytes()}) != 1) OnFreed(slab);
  }

 private:
  // Slabs, not buffers: each holds many.
  static constexpr int32_t kSlabs = 1024;
  // A larger slab is one buffer, allocated when it is taken and freed when it is released: registering 8 MiB costs more
  // than reading them.
  static constexpr size_t kBytesMax = size_t{1} << 20;

  int Update(int32_t number, iovec memory) {
    const __u64 tag = 0;
    return io_uring_register_buffers_update_tag(ring_, static_cast<unsigned>(number), &memory, &tag, 1);
  }

  io_uring* ring_ = nullptr;
  std::vector<int32_t> free_;
};

}  // namespace baton::uring

#endif  // BATON_URING_REGISTERED_BUFFERS_H_
