// Buffers of which the kernel takes one when bytes arrive (a provided buffer ring, Linux 5.19). Numbers of core's
// buffers go in, the kernel speaks of them by 16-bit ids, so a table stands between.
#ifndef BATON_URING_BUFFER_RING_H_
#define BATON_URING_BUFFER_RING_H_

#include <liburing.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/opcode.gen.h"
#include "locked_memory.h"

namespace baton::uring {

class BufferRing {
 public:
  static constexpr uint16_t kGroup = 0;

  BufferRing() = default;
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing() {
    if (ring_ != nullptr) munmap(ring_, kBytes);
  }

  // Registers the ring with the kernel; 0 or a negative errno.
  int Register(io_uring* ring) {
    const uint64_t locked = RingBytes(ring->sq.ring_entries, ring->cq.ring_entries) + kBytes;
    const int error = MemoryWait().For(locked, [&] { return Map(ring, kEntries); });
    if (error < 0) return error;
    io_uring_buf_ring_init(ring_);
    numbers_.assign(kEntries, kFree);
    free_.reserve(kEntries);
    for (uint32_t id = kEntries; id > 0; id--) free_.push_back(static_cast<uint16_t>(id - 1));
    return 0;
  }

  // Whether the kernel takes such a ring at all: tried with the smallest, which is gone with `ring`.
  static bool IsGranted(io_uring* ring) { return BufferRing().Map(ring, 1) == 0; }

  bool registered() const { return ring_ != nullptr; }

  // How many more it takes; 0 unless it is registered.
  size_t room() const { return free_.size(); }

  // Puts the first `bytes` of a buffer in; the kernel sees it after `Publish`.
  void Add(uint32_t number, const BufferCell& cell, size_t bytes) {
    BATON_CHECK(!free_.empty() && bytes <= cell.length);
    const uint16_t id = free_.back();
    free_.pop_back();
    numbers_[id] = number;
    io_uring_buf_ring_add(ring_, cell.data, static_cast<unsigned>(bytes), id, io_uring_buf_ring_mask(kEntries),
                          pending_++);
  }

  void Publish() {
    if (pending_ == 0) return;
    io_uring_buf_ring_advance(ring_, pending_);
    pending_ = 0;
  }

  // The number of the buffer that the kernel took; it is out of the ring now.
  uint32_t Take(uint32_t id) {
    BATON_CHECK(id < kEntries && numbers_[id] != kFree);
    const uint32_t number = numbers_[id];
    numbers_[id] = kFree;
    free_.push_back(static_cast<uint16_t>(id));
    return number;
  }

 private:
  // Maps and registers one with so many entries; 0 or a negative errno.
  int Map(io_uring* ring, uint32_t entries) {
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(memory);
    registration.ring_entries = entries;
    registration.bgid = kGroup;
    const int error = io_uring_register_buf_ring(ring, &registration, 0);
    if (error < 0) {
      munmap(memory, kBytes);
      return error;
    }
    ring_ = static_cast<io_uring_buf_ring*>(memory);
    return 0;
  }

  static constexpr uint32_t kEntries = kProvidedMax;
  static constexpr size_t kBytes = kEntries * sizeof(io_uring_buf);
  static constexpr uint32_t kFree = UINT32_MAX;
  static_assert((kEntries & (kEntries - 1)) == 0 && kEntries <= 32768, "the kernel wants a power of two");

  io_uring_buf_ring* ring_ = nullptr;
  std::vector<uint32_t> numbers_;
  std::vector<uint16_t> free_;
  int pending_ = 0;
};

}  // namespace baton::uring

#endif  // BATON_URING_BUFFER_RING_H_
