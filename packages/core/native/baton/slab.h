// Memory that the kernel may write to. A slab outlives whoever allocated it for as long as somebody counts on it: the
// pool, each external ArrayBuffer over it, each operation in flight on it. An operation whose completion never comes
// keeps its slab for ever, which is what quarantine means. Counted on one thread, so the count is a plain number.
#ifndef BATON_SLAB_H_
#define BATON_SLAB_H_

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "baton/check.h"
#include "baton/counted_ref.h"
#include "baton/result.h"

namespace baton {

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kHugePageBytes = 2 * 1024 * 1024;

constexpr size_t RoundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

struct SlabOptions {
  // Ask for huge pages: explicit ones where the system has some reserved, else transparent ones.
  bool huge_pages = false;
  // NUMA node to take the memory from, -1 for the system's choice.
  int numa_node = -1;
  // A page without access before and after every buffer, and buffers at rest without access: a buffer that is
  // freed in flight then shows as -EFAULT in its completion. For tests; costs three mappings a buffer.
  bool guard_pages = false;
};

class Slab {
 public:
  // `count` buffers of `buffer_bytes` each, zeroed, each at a page boundary when `buffer_bytes` is in whole pages.
  static Result<Slab*> Create(size_t buffer_bytes, size_t count, const SlabOptions& options) {
    // More than any address space has, and what would wrap around.
    if (buffer_bytes > kBytesMax || count > kBytesMax / std::max<size_t>(buffer_bytes, 1)) {
      return Result<Slab*>::Error(-ENOMEM);
    }
    const size_t guard = options.guard_pages ? kPageBytes : 0;
    const size_t stride = guard == 0 ? buffer_bytes : RoundUp(buffer_bytes, kPageBytes) + guard;
    size_t bytes = RoundUp(guard + stride * count, kPageBytes);
    auto* base = static_cast<uint8_t*>(Map(bytes, options));
    if (base == MAP_FAILED) return Result<Slab*>::Error(-errno);
    if (options.numa_node >= 0) PreferNode(base, bytes, options.numa_node);
    auto* slab = new Slab(base, bytes, buffer_bytes, count, stride, guard);
    if (guard != 0 && !slab->ProtectGuards()) {
      const int error = -errno;
      slab->Unref();
      return Result<Slab*>::Error(error);
    }
    return slab;
  }

  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  uint8_t* buffer(size_t index) const { return base_ + guard_ + index * stride_; }
  size_t buffer_bytes() const { return buffer_bytes_; }
  size_t count() const { return count_; }
  size_t bytes() const { return bytes_; }
  uint8_t* base() const { return base_; }
  bool Contains(const uint8_t* data, size_t length) const {
    return data >= base_ && length <= bytes_ && data <= base_ + (bytes_ - length);
  }
  bool has_guard_pages() const { return guard_ != 0; }

  // Under which number a driver has made the whole slab known to the kernel, -1 when it has not.
  int32_t registration() const { return registration_; }
  void set_registration(int32_t number) { registration_ = number; }

  void Ref() { refs_++; }
  void Unref() {
    BATON_CHECK(refs_ > 0);
    if (--refs_ == 0) delete this;
  }

  // Of the counts, those that are leases: see `Lease`. One is the table's, the others are operations in flight.
  void CountLease(bool added) { leases_ += added ? 1U : -1U; }
  bool HasOperations() const { return refs_ > 1 + leases_; }

  // With guard pages: takes a buffer's memory away while it is at rest, and gives it back. False when the kernel has no
  // mapping left for it (vm.max_map_count); then it is as it was.
  bool SetAccessible(size_t index, bool accessible) const {
    if (guard_ == 0) return true;
    const int protection = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;
    return mprotect(buffer(index), RoundUp(buffer_bytes_, kPageBytes), protection) == 0;
  }

  // Gives the pages of a buffer at rest back to the system; it reads as zero when it is used next. Only for buffers in
  // whole pages of a slab that the kernel has no registration of: registered pages are others than those that follow.
  // False when they stay.
  bool Discard(size_t index) const {
    if (registration_ >= 0 || buffer_bytes_ % kPageBytes != 0) return false;
    return madvise(buffer(index), buffer_bytes_, MADV_DONTNEED) == 0;
  }

 private:
  static constexpr size_t kBytesMax = size_t{1} << 46;

  Slab(uint8_t* base, size_t bytes, size_t buffer_bytes, size_t count, size_t stride, size_t guard)
      : base_(base), bytes_(bytes), buffer_bytes_(buffer_bytes), count_(count), stride_(stride), guard_(guard) {}
  ~Slab() { munmap(base_, bytes_); }

  static void* Map(size_t& bytes, const SlabOptions& options) {
    constexpr int kProtection = PROT_READ | PROT_WRITE;
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
    void* base = MAP_FAILED;
    if (options.huge_pages && bytes >= kHugePageBytes) {
      const size_t huge_bytes = RoundUp(bytes, kHugePageBytes);
      base = mmap(nullptr, huge_bytes, kProtection, kFlags | MAP_HUGETLB, -1, 0);
      if (base != MAP_FAILED) bytes = huge_bytes;
    }
    if (base == MAP_FAILED) {
      base = mmap(nullptr, bytes, kProtection, kFlags, -1, 0);
      if (base != MAP_FAILED && options.huge_pages) madvise(base, bytes, MADV_HUGEPAGE);
    }
    // A child of fork() must not share pages that the kernel writes to: after a copy-on-write the parent would look at
    // one page while the kernel fills the other.
    if (base != MAP_FAILED) madvise(base, bytes, MADV_DONTFORK);
    return base;
  }

  // Prefers, not binds: a full node is slower, not an error. By system call, so that libnuma is not needed.
  static void PreferNode(void* base, size_t bytes, int node) {
    constexpr int kPreferred = 1;  // MPOL_PREFERRED
    constexpr size_t kBits = 8 * sizeof(unsigned long);
    unsigned long mask[16] = {};
    if (static_cast<size_t>(node) >= 16 * kBits) return;
    mask[static_cast<size_t>(node) / kBits] = 1UL << (static_cast<size_t>(node) % kBits);
    syscall(SYS_mbind, base, bytes, kPreferred, mask, 16 * kBits, 0U);
  }

  bool ProtectGuards() const {
    if (mprotect(base_, kPageBytes, PROT_NONE) != 0) return false;
    for (size_t index = 0; index < count_; index++) {
      uint8_t* after = buffer(index) + RoundUp(buffer_bytes_, kPageBytes);
      if (mprotect(after, kPageBytes, PROT_NONE) != 0) return false;
    }
    return true;
  }

  uint8_t* const base_;
  const size_t bytes_;
  const size_t buffer_bytes_;
  const size_t count_;
  const size_t stride_;
  const size_t guard_;
  int32_t registration_ = -1;
  uint32_t refs_ = 1;
  uint32_t leases_ = 0;
};

using SlabRef = CountedRef<Slab>;

}  // namespace baton

#endif  // BATON_SLAB_H_
