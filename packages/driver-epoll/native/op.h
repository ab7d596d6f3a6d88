// What the engine keeps of an operation in flight and of a handle.
#ifndef BATON_EPOLL_OP_H_
#define BATON_EPOLL_OP_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <utility>

#include "baton/free_list.h"
#include "baton/message.h"
#include "baton/opcode.gen.h"
#include "baton/slab.h"
#include "baton/vector.h"
#include "baton/worker_pool.h"
#include "fd_queue.h"
#include "parts.h"

namespace baton::epoll {

// Native state of one operation in flight, by slot. Starts as all zeroes; `Engine::Enter` sets what is not.
struct Op {
  uint32_t generation;
  Opcode opcode;
  bool active;
  bool multishot;
  // Waits for the one before it in its chain: nothing of it has begun.
  bool held;
  // In the timer queue: its own delay, or the time it may take.
  bool has_timer;
  bool timer_is_timeout;
  // A pause before the next try, for what no event announces.
  bool has_retry;
  uint8_t tries;
  QueueLink link;
  // The handle in whose queue it stands, when it stands in one.
  int32_t waits_at;
  int32_t handle;
  int32_t second_handle;
  // The socket that is being connected or the descriptor that is being closed, else -1.
  int fd;
  // The part of its buffer, and what keeps that memory until the final completion.
  iovec part;
  Slab* slab;
  // The same for several buffers.
  BufferVector* vector;
  Message* message;
  // Bytes that were moved before the rest was handed to a thread.
  uint32_t moved;
  // With a worker thread, else null. The pool owns it.
  Job* job;
  // Of one that waits for its turn in a chain: the word of its record that tells what it is, and what it is answered
  // with when its turn comes, 0 when it begins then.
  uint32_t operation;
  int32_t refusal;
  // Its area in the arena, kept from its start: what its record says later was not looked at.
  uint8_t* area;
  int64_t deadline_ns;
  int64_t retry_ns;

  bool writes() const { return opcode == Opcode::kWrite || opcode == Opcode::kWritev; }
  // What is left of a read or write.
  Parts parts() { return vector == nullptr ? Parts(&part, 1) : Parts(vector->entries(), vector->count()); }
};

// What is known of a descriptor beside its number.
struct HandleState {
  // Can be waited for: everything but regular files, directories and block devices.
  bool pollable = false;
  bool registered = false;
  // Its transfers can have a position: some devices that can be waited for have them too.
  bool seekable = false;
  // It has a place in a file system: closing it may wait for that, and a device for its output.
  bool named = false;
  // A direct transfer is given to the device and waited for, whatever it is told about not waiting.
  bool direct = false;
  // Of the file system, for files.
  dev_t device = 0;
  FdQueue reads;
  FdQueue writes;
  FdQueue polls;
  // Somebody has closed it; the operation to complete when the last user has left.
  uint32_t close_slot = kNoSlot;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_OP_H_
