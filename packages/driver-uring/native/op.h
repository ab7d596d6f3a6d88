// Native state of the operations in flight, and the memory that the kernel uses beside their buffers: all of it stays
// where it is until an operation's final completion, whatever the kernel promises to have copied.
#ifndef BATON_URING_OP_H_
#define BATON_URING_OP_H_

#include <liburing.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "baton/address.h"
#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/free_list.h"
#include "baton/message.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"
#include "baton/slab.h"
#include "baton/vector.h"
#include "baton/worker_pool.h"
#include "entries.h"

namespace baton::uring {

// What an operation is answered with.
struct Outcome {
  int32_t result = 0;
  uint32_t flags = 0;
};

// How far the timeout of an operation is, which is an entry of its own with a completion of its own.
enum class TimeoutState : uint8_t {
  kNone,
  // With the kernel; its completion is still to come.
  kArmed,
  // The operation ended before its time was up.
  kEnded,
  // The time was up first.
  kFired,
};

// One operation, by slot.
struct Op {
  uint32_t generation;
  Opcode opcode;
  bool active;
  // Taken, and behind others of its chain: the kernel does not have it yet.
  bool waiting;
  // What is behind it in its chain starts only when this engine says so.
  bool gate;
  // Its descriptors are not closed before it has ended: the kernel may look them up at any time until then, a worker's
  // own call as much as a link's.
  bool holds_descriptors;
  // A zero-copy send; its buffer comes home with the notification.
  bool zero_copy;
  bool awaits_notification;
  // A thread makes its call, `job`.
  bool on_thread;
  // A timer that the engine keeps.
  bool in_queue;
  // Somebody has asked for its early end.
  bool ends_early;
  // Its result is held back until its timeout has answered.
  bool awaits_timeout;
  TimeoutState timeout_state;
  int32_t handle;
  int32_t second_handle;
  union {
    // The socket that is being connected, else -1.
    int fd;
    // How long the part of a send is.
    uint32_t length;
  };
  // A result that is held back.
  int32_t result;
  // Keeps the memory of the buffer until the final completion.
  Slab* slab;
  union {
    // Where the arena area is, or where a send's bytes start: it may be submitted a second time, and its pages be
    // exchanged. Kept from the start of the operation: what its record says by then was not looked at.
    uint8_t* data;
    // Of a timer that the engine keeps.
    int64_t deadline_ns;
  };
  // Memory that the kernel reads or writes, as the operation's row says (entries.h).
  union {
    struct statx* stat;
    SystemAddress* address;
    Message* message;
    BufferVector* vector;
    // The threads own it.
    Job* job;
    __kernel_timespec* timespec;
  };
  // Of the timeout that the kernel keeps; null without one.
  __kernel_timespec* timeout;
};
static_assert(sizeof(Op) == 64, "one line of the cache for each operation in flight");

class Operations {
 public:
  explicit Operations(uint32_t slots) : slots_(slots), ops_(static_cast<Op*>(std::calloc(slots, sizeof(Op)))) {}

  // False when there was no memory for them.
  bool valid() const { return ops_ != nullptr; }

  Op& At(uint32_t slot) {
    BATON_CHECK(slot < slots_);
    return ops_[slot];
  }
  // The operation that a slot and a generation name, if it is in flight.
  Op* Find(uint32_t slot, uint32_t generation) {
    if (slot >= slots_ || !ops_[slot].active || ops_[slot].generation != generation) return nullptr;
    return &ops_[slot];
  }
  // The slot is there, and nothing is in flight in it.
  bool IsFree(uint32_t slot) const { return slot < slots_ && !ops_[slot].active; }
  uint32_t slots() const { return slots_; }
  uint32_t in_flight() const { return in_flight_; }

  // The operation of a slot is in flight from here on.
  Op& Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
    Op& op = At(slot);
    BATON_CHECK(!op.active);
    op.generation = record.generation;
    op.opcode = opcode;
    op.active = true;
    op.waiting = false;
    op.gate = false;
    op.holds_descriptors = false;
    op.zero_copy = false;
    op.awaits_notification = false;
    op.on_thread = false;
    op.in_queue = false;
    op.ends_early = false;
    op.awaits_timeout = false;
    op.timeout_state = TimeoutState::kNone;
    op.handle = -1;
    op.second_handle = -1;
    op.fd = -1;
    op.slab = nullptr;
    op.data = nullptr;
    op.stat = nullptr;
    op.timeout = nullptr;
    in_flight_++;
    return op;
  }

  // It has ended: its memory is let go of.
  void Leave(Op& op) {
    op.active = false;
    in_flight_--;
    if (op.slab != nullptr) {
      op.slab->Unref();
      op.slab = nullptr;
    }
    if (op.timeout != nullptr) {
      timespecs_.Give(op.timeout);
      op.timeout = nullptr;
    }
    if (op.stat == nullptr) [[likely]]
      return;
    switch (EntryOf(op.opcode).holds) {
      case Holds::kStat:
        stats_.Give(op.stat);
        break;
      case Holds::kAddress:
        addresses_.Give(op.address);
        break;
      case Holds::kTimespec:
        timespecs_.Give(op.timespec);
        break;
      case Holds::kVector:
        op.vector->Clear();
        vectors_.Give(op.vector);
        break;
      case Holds::kMessage:
        op.message->Clear();
        messages_.Give(op.message);
        break;
      case Holds::kNothing:
        break;
    }
  }

  struct statx* TakeStat(Op& op) { return op.stat = stats_.Take(); }
  SystemAddress* TakeAddress(Op& op) { return op.address = addresses_.Take(); }
  Message* TakeMessage(Op& op) { return op.message = messages_.Take(); }
  BufferVector* TakeVector(Op& op) { return op.vector = vectors_.Take(); }
  __kernel_timespec* TakeTimespec(Op& op) { return op.timespec = timespecs_.Take(); }
  __kernel_timespec* TakeTimeout(Op& op) { return op.timeout = timespecs_.Take(); }

  // Bytes of buffers that operations in flight may still touch.
  uint64_t TouchableBytes(const SharedMemory& shared) const {
    uint64_t bytes = 0;
    for (uint32_t slot = 0; slot < slots_; slot++) {
      const Op& op = ops_[slot];
      if (!op.active || op.waiting) continue;
      if (op.slab != nullptr) bytes += shared.record(slot).length;
      if (op.stat == nullptr) continue;
      const Holds holds = EntryOf(op.opcode).holds;
      if (holds == Holds::kVector) bytes += op.vector->bytes();
      if (holds == Holds::kMessage) bytes += op.message->bytes();
    }
    return bytes;
  }

 private:
  struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
  };

  const uint32_t slots_;
  // Zeroed pages that are touched only as far as slots are used.
  const std::unique_ptr<Op[], FreeDeleter> ops_;
  uint32_t in_flight_ = 0;
  FreeList<struct statx> stats_;
  FreeList<SystemAddress> addresses_;
  FreeList<Message> messages_;
  FreeList<BufferVector> vectors_;
  FreeList<__kernel_timespec> timespecs_;
};

}  // namespace baton::uring

#endif  // BATON_URING_OP_H_
