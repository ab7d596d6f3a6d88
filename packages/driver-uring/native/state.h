// What the parts of the engine share. Nothing here depends on the ring, so that the parts are plain functions.
#ifndef BATON_URING_STATE_H_
#define BATON_URING_STATE_H_

#include <cstdint>
#include <deque>
#include <utility>

#include "baton/buffer_table.h"
#include "baton/handle_table.h"
#include "baton/shared_memory.h"
#include "buffer_ring.h"
#include "op.h"
#include "uring_features.h"

namespace baton::uring {

// What is kept of a handle beside its descriptor.
struct HandleState {
  // The operation that closes it once nobody needs the descriptor any more.
  int32_t closing_slot = -1;
  // It has no zero-copy send, as sockets of the Unix domain.
  bool no_zero_copy = false;
  // It cannot be written at a position.
  bool no_writes_at = false;
};

using Handles = HandleTable<HandleState>;

struct State {
  State(SharedMemory memory, const Features& detected, uint32_t zero_copy_min)
      : shared(std::move(memory)),
        features(detected),
        zero_copy_min_bytes(zero_copy_min),
        operations(shared.limits().slots) {}

  SharedMemory shared;
  Features features;
  // Sends of so many bytes and more leave from the caller's memory; 0: none.
  const uint32_t zero_copy_min_bytes;
  BufferTable buffers;
  BufferRing buffer_ring;
  Operations operations;
  Handles handles;
  // Completions that do not come out of the ring.
  std::deque<CompletionRecord> local;
  // Nothing new comes in: what arrives is closed.
  bool stopping = false;

  // Registers the buffer ring, if there shall be one. Locked memory may be too short for it: then the kernel takes no
  // buffers here, and `features` says so.
  void RegisterBufferRing(io_uring* ring) {
    if (!features.buffer_ring || buffer_ring.Register(ring) == 0) return;
    features.buffer_ring = false;
    features.multishot_receive = false;
  }

  // The number of the buffer that the kernel took.
  uint32_t ClaimProvided(uint32_t id) {
    const uint32_t number = buffer_ring.Take(id);
    buffers.TakeProvided(number);
    return number;
  }

  // A descriptor becomes a handle: the result of its completion, and the completion's flags.
  std::pair<int32_t, uint32_t> Adopt(int fd, const HandleState& state = {}) {
    const HandleId id = handles.Add(fd, state);
    return {id.index, id.generation << kAuxiliaryShift};
  }
};

}  // namespace baton::uring

#endif  // BATON_URING_STATE_H_
