// Memory of sends without a copy. The network reads it until the peer has acknowledged the last byte, and a peer that
// does not read never does. So whoever ends such a send early gets the buffer back by other means: its pages are left
// to the network, and others with the same content take their place.
#ifndef BATON_URING_ZERO_COPY_H_
#define BATON_URING_ZERO_COPY_H_

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "baton/buffer_table.h"
#include "baton/slab.h"
#include "endings.h"
#include "op.h"
#include "state.h"

namespace baton::uring {

// Its pages can be exchanged: nothing else that the program may touch at the same time, from whichever thread, is on
// them. Borrowed memory may be anything.
inline bool HasOwnPages(const Slab* slab) { return slab != nullptr && slab->buffer_bytes() % kPageBytes == 0; }

// Whole pages around a part of a buffer.
struct Pages {
  uint8_t* first;
  size_t bytes;

  Pages(uint8_t* data, size_t length) {
    const size_t before = reinterpret_cast<uintptr_t>(data) % kPageBytes;
    first = data - before;
    bytes = RoundUp(before + length, kPageBytes);
  }
  bool Touches(const void* data, size_t length) const {
    const auto* start = static_cast<const uint8_t*>(data);
    return start < first + bytes && first < start + length;
  }
};

// The kernel may write to these pages meanwhile, for a neighbour in the same buffer: what it writes to a page that is
// gone would be lost.
inline bool IsWrittenTo(State& state, const Pages& pages) {
  for (uint32_t slot = 0; slot < state.operations.slots(); slot++) {
    const Op& op = state.operations.At(slot);
    if (!op.active || op.waiting) continue;
    if (op.opcode == Opcode::kRead || op.opcode == Opcode::kReceive) {
      const SubmissionRecord& record = state.shared.record(slot);
      const BufferCell* cell = record.buffer < 0 ? nullptr : state.buffers.Find(static_cast<uint32_t>(record.buffer));
      if (cell != nullptr && pages.Touches(cell->data + record.buffer_offset, record.length)) return true;
    } else if (op.opcode == Opcode::kReadv || op.opcode == Opcode::kReceiveMessage) {
      const bool message = op.opcode == Opcode::kReceiveMessage;
      const iovec* entries = message ? op.message->header()->msg_iov : op.vector->entries();
      const size_t count = message ? op.message->header()->msg_iovlen : op.vector->count();
      for (size_t index = 0; index < count; index++) {
        if (pages.Touches(entries[index].iov_base, entries[index].iov_len)) return true;
      }
    }
  }
  return false;
}

// Puts other pages with the same content in the place of these, which live on for as long as the kernel refers to them.
// 0, or a negative errno with everything as it was (-ENOMEM: no memory, or no mapping; -EINVAL: of explicit huge
// pages).
inline int ExchangePages(const Pages& pages) {
  void* fresh = mmap(nullptr, pages.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) return -errno;
  // As the slab itself, see `Slab`.
  madvise(fresh, pages.bytes, MADV_DONTFORK);
  std::memcpy(fresh, pages.first, pages.bytes);
  if (mremap(fresh, pages.bytes, pages.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, pages.first) != MAP_FAILED) return 0;
  const int error = -errno;
  munmap(fresh, pages.bytes);
  return error;
}

// Takes the memory of a send back from the network, which goes on with what it has. False when it must be waited for.
inline bool TakeMemoryBack(State& state, const Op& op) {
  if (op.result <= 0) return false;
  const Pages pages(op.data, op.length);
  if (IsWrittenTo(state, pages) || ExchangePages(pages) < 0) return false;
  state.buffers.Changed(op.slab);
  return true;
}

// Ends a send of which the network still has the memory; false when it must be waited for.
inline bool EndZeroCopy(State& state, Endings& endings, uint32_t slot, Op& op) {
  if (!TakeMemoryBack(state, op)) return false;
  endings.End(slot, op, {op.result}, true);
  return true;
}

// Ends all of them that can be: the network may keep what it has for as long as the peer likes.
inline void EndZeroCopies(State& state, Endings& endings) {
  if (state.zero_copy_min_bytes == 0) return;
  for (uint32_t slot = 0; slot < state.operations.slots(); slot++) {
    Op& op = state.operations.At(slot);
    if (op.active && op.zero_copy && op.awaits_notification) (void)EndZeroCopy(state, endings, slot, op);
  }
}

}  // namespace baton::uring

#endif  // BATON_URING_ZERO_COPY_H_
