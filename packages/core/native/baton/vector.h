// A vector of buffers, from the numbers in the arena to what readv(2) and its kin take. It counts on the memory of
// every buffer in it for as long as it holds them.
#ifndef BATON_VECTOR_H_
#define BATON_VECTOR_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/opcode.gen.h"
#include "baton/slab.h"

namespace baton {

class BufferVector {
 public:
  // Reads `count` entries at `area`, of which `CheckRecord` has proved that each part lies within a buffer.
  void Take(const uint8_t* area, uint32_t count, const BufferTable& buffers) {
    BATON_CHECK(count <= kVectorMax && entries_.empty() && slabs_.empty());
    entries_.reserve(count);
    for (uint32_t index = 0; index < count; index++) {
      uint32_t words[kVectorEntryBytes / sizeof(uint32_t)];
      std::memcpy(words, area + index * kVectorEntryBytes, sizeof(words));
      const BufferCell* cell = buffers.Find(words[kVectorBufferWord]);
      BATON_CHECK(cell != nullptr);
      const size_t offset = words[kVectorOffsetWord];
      const size_t length = words[kVectorLengthWord];
      BATON_CHECK(offset + length <= cell->length);
      entries_.push_back({cell->data + offset, length});
      // Buffers of one slab usually stand together; one count does for all of a run.
      if (cell->slab != nullptr && (slabs_.empty() || slabs_.back().get() != cell->slab)) {
        slabs_.emplace_back(cell->slab);
      }
      bytes_ += length;
    }
  }

  // Lets go of the buffers. A large vector's own memory is freed too, a small one's is kept for the next.
  void Clear() {
    slabs_.clear();
    bytes_ = 0;
    if (entries_.capacity() > kKeptEntries) {
      std::vector<iovec>().swap(entries_);
    } else {
      entries_.clear();
    }
  }

  // The system's functions take it without const, and do not change it.
  iovec* entries() { return entries_.data(); }
  uint32_t count() const { return static_cast<uint32_t>(entries_.size()); }
  // Length of all parts together.
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kKeptEntries = 64;

  std::vector<iovec> entries_;
  std::vector<SlabRef> slabs_;
  uint64_t bytes_ = 0;
};

}  // namespace baton

#endif  // BATON_VECTOR_H_
