// One io_uring instance, set up by trying: a flag is used when a ring could be made with it, never because of a
// version number, and the size goes down a ladder when the memory for it is not granted.
#ifndef BATON_URING_RING_H_
#define BATON_URING_RING_H_

#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "baton/result.h"
#include "baton/unique_fd.h"
#include "compat.h"
#include "locked_memory.h"
#include "restrictions.h"
#include "uring_features.h"

namespace baton::uring {

struct RingOptions {
  // Submission entries, and completion entries (0: four times as many).
  uint32_t entries = 1024;
  uint32_t cq_entries = 0;
  // A kernel thread submits. Off by default: it keeps the credentials of the ring's creation.
  bool sqpoll = false;
  uint32_t sqpoll_idle_ms = 0;
  int sqpoll_cpu = -1;
  // Completion work runs when asked for (IORING_SETUP_DEFER_TASKRUN); woken by an eventfd.
  bool defer_taskrun = false;
  // Most kernel worker threads for blocking and for unbounded work, 0: the kernel's own limit.
  uint32_t bounded_workers_max = 0;
  uint32_t unbounded_workers_max = 0;
  // Processors that this thread and the kernel's workers may use; empty: all.
  std::vector<uint32_t> affinity;
  // Bits of features that shall be off.
  uint32_t disabled_features = 0;
};

class Ring {
 public:
  static Result<std::unique_ptr<Ring>> Create(const RingOptions& options) {
    auto ring = std::unique_ptr<Ring>(new Ring());
    const int error = ring->SetUp(options);
    if (error < 0) return Result<std::unique_ptr<Ring>>::Error(error);
    return ring;
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (made_) io_uring_queue_exit(&ring_);
  }

  io_uring* raw() { return &ring_; }
  uint32_t setup_flags() const { return ring_.flags; }
  uint32_t features() const { return ring_.features; }
  // The kernel takes from this ring only what the engine uses.
  bool restricted() const { return restricted_; }
  uint32_t sq_entries() const { return SqEntries(); }
  uint32_t cq_entries() const { return ring_.cq.ring_entries; }

  // What the event loop waits on. The ring itself says when completions are there, except with DEFER_TASKRUN, where
  // nothing would ever wake it: an eventfd does.
  int pollable_fd() const { return event_fd_.valid() ? event_fd_.get() : ring_.ring_fd; }
  void ClearWake() {
    if (!event_fd_.valid()) return;
    eventfd_t value;
    (void)eventfd_read(event_fd_.get(), &value);
  }

  // --- the port of the engine: what a test replaces to inject faults ---------------------------------------------

  io_uring_sqe* GetSqe() { return io_uring_get_sqe(&ring_); }
  uint32_t SqSpaceLeft() const { return io_uring_sq_space_left(&ring_); }
  uint32_t SqEntries() const { return ring_.sq.ring_entries; }
  uint32_t SqReady() const { return io_uring_sq_ready(&ring_); }
  // A thread of the kernel takes them (sqpoll): `Submit` only wakes it, and `SqReady` counts what it has not come to.
  bool TakesByItself() const { return (ring_.flags & IORING_SETUP_SQPOLL) != 0; }
  // Waits until that thread has taken something.
  void WaitForRoom() { (void)io_uring_sqring_wait(&ring_); }
  // Empties the queue of what the kernel has not taken, and shows each of it.
  template <typename Visitor>
  void TakeBack(Visitor visit) {
    io_uring_sq& sq = ring_.sq;
    const unsigned head = io_uring_smp_load_acquire(sq.khead);
    for (unsigned index = head; index != sq.sqe_tail; index++) visit(sq.sqes[index & sq.ring_mask]);
    sq.sqe_head = head;
    sq.sqe_tail = head;
    io_uring_smp_store_release(sq.ktail, head);
  }
  // Entries that the kernel took, or a negative errno.
  int Submit() { return io_uring_submit(&ring_); }
  uint32_t Peek(io_uring_cqe** cqes, uint32_t max) { return io_uring_peek_batch_cqe(&ring_, cqes, max); }
  void Advance(uint32_t count) { io_uring_cq_advance(&ring_, count); }
  uint32_t CqReady() const { return io_uring_cq_ready(&ring_); }
  // The kernel has completions that it posts only when asked: an overflow, or work deferred to this thread.
  bool HasDeferred() const {
    const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
    return (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) != 0;
  }
  int FetchDeferred() { return io_uring_get_events(&ring_); }
  // Waits for a completion; 0, or a negative errno (-ETIME).
  int Wait(uint64_t timeout_ns) {
    // Without EXT_ARG (before Linux 5.11) liburing would wait with an entry of its own, which may find no room and
    // stays behind; the ring can be waited on like any descriptor.
    if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) return WaitOnDescriptor(timeout_ns);
    __kernel_timespec timeout{static_cast<int64_t>(timeout_ns / kNsPerSecond),
                              static_cast<long long>(timeout_ns % kNsPerSecond)};
    io_uring_cqe* cqe = nullptr;
    return io_uring_wait_cqe_timeout(&ring_, &cqe, &timeout);
  }

 private:
  static constexpr uint64_t kNsPerSecond = 1'000'000'000;

  Ring() = default;

  int WaitOnDescriptor(uint64_t timeout_ns) {
    if (CqReady() > 0) return 0;
    const timespec timeout{static_cast<time_t>(timeout_ns / kNsPerSecond),
                           static_cast<long>(timeout_ns % kNsPerSecond)};
    pollfd descriptor{pollable_fd(), POLLIN, 0};
    const int ready = ppoll(&descriptor, 1, &timeout, nullptr);
    return ready > 0 ? 0 : ready == 0 ? -ETIME : -errno;
  }

  int SetUp(const RingOptions& options) {
    int error = SetUpOnLadder(options);
    if (error < 0) return error;
    if (!Allows(options, kFeatureExtArg)) ring_.features &= ~static_cast<unsigned>(IORING_FEAT_EXT_ARG);
    if (!Allows(options, kFeatureSqpollFiles)) ring_.features &= ~static_cast<unsigned>(IORING_FEAT_SQPOLL_NONFIXED);
    // Before Linux 5.11 the thread of sqpoll takes registered files only, and this driver has none.
    if (TakesByItself() && (ring_.features & IORING_FEAT_SQPOLL_NONFIXED) == 0) return -EOPNOTSUPP;
    // A child of fork() that touched the ring would take the parent's completions.
    io_uring_ring_dontfork(&ring_);
    if ((ring_.flags & IORING_SETUP_DEFER_TASKRUN) != 0) {
      event_fd_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      if (!event_fd_.valid()) return -errno;
      error = io_uring_register_eventfd(&ring_, event_fd_.get());
      if (error < 0) return error;
    }
    LimitWorkers(options);
    error = SetAffinity(options.affinity);
    if (error < 0) return error;
    // Spares a look-up in the table of descriptors with each system call; measured: 11 of 154 ns. Linux 5.18.
    if (Allows(options, kFeatureRegisteredRing)) (void)io_uring_register_ring_fd(&ring_);
    if ((ring_.flags & IORING_SETUP_R_DISABLED) == 0) return 0;
    restricted_ = Restrict(&ring_) == 0;
    error = io_uring_enable_rings(&ring_);
    return error < 0 ? SetUpUnrestricted(options) : 0;
  }

  // A filter may allow a ring and not its enabling: then one that was never disabled.
  int SetUpUnrestricted(const RingOptions& options) {
    io_uring_queue_exit(&ring_);
    made_ = false;
    restricted_ = false;
    event_fd_.Reset();
    RingOptions unrestricted = options;
    unrestricted.disabled_features |= kFeatureRestrictions;
    return SetUp(unrestricted);
  }

  static bool Allows(const RingOptions& options, FeatureBit bit) { return (options.disabled_features & bit) == 0; }

  // Keeps this thread and the workers of the kernel on the given processors; -EINVAL when there are none of them.
  int SetAffinity(const std::vector<uint32_t>& processors) {
    if (processors.empty()) return 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const uint32_t processor : processors) {
      if (processor >= CPU_SETSIZE) return -EINVAL;
      CPU_SET(processor, &set);
    }
    if (sched_setaffinity(0, sizeof(set), &set) != 0) return -errno;
    // Linux 5.14; before, workers go where the scheduler puts them.
    const int error = io_uring_register_iowq_aff(&ring_, sizeof(set), &set);
    return error == -EINVAL ? 0 : error;
  }

  // The size asked for, or the first smaller one that memory is granted for.
  int SetUpOnLadder(const RingOptions& options) {
    int error = SetUpPatiently(options, options.entries);
    for (const uint32_t entries : kSizeLadder) {
      if (error != -ENOMEM) break;
      if (entries < options.entries) error = SetUpPatiently(options, entries);
    }
    return error;
  }

  int SetUpPatiently(const RingOptions& options, uint32_t entries) {
    return memory_wait_.For(RingBytes(entries, CqEntries(options, entries)),
                            [&] { return SetUpWithEntries(options, entries); });
  }

  // On the way down the ladder both queues become smaller.
  static uint32_t CqEntries(const RingOptions& options, uint32_t entries) {
    const uint32_t usual = entries * kCompletionsPerEntry;
    if (options.cq_entries == 0) return usual;
    return std::max(entries, entries < options.entries ? std::min(options.cq_entries, usual) : options.cq_entries);
  }

  // Newest flags first; each step leaves out what an older kernel does not know.
  int SetUpWithEntries(const RingOptions& options, uint32_t entries) {
    const uint32_t task_run = options.defer_taskrun ? IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG
                              : options.sqpoll      ? 0U
                                                    : IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    // Enabled when its restrictions stand, Linux 5.10.
    const uint32_t restricted = Allows(options, kFeatureRestrictions) ? IORING_SETUP_R_DISABLED : 0U;
    const uint32_t steps[] = {
        restricted | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | task_run,  // Linux 6.1
        restricted | IORING_SETUP_SUBMIT_ALL |
            (options.sqpoll ? 0U : IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG),
        restricted | IORING_SETUP_SUBMIT_ALL,  // Linux 5.18
        restricted,
        0,
    };
    int error = -EINVAL;
    for (const uint32_t flags : steps) {
      error = TrySetUp(options, entries, flags);
      if (error != -EINVAL) return error;
    }
    return error;
  }

  int TrySetUp(const RingOptions& options, uint32_t entries, uint32_t flags) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    params.cq_entries = CqEntries(options, entries);
    if (options.sqpoll) {
      params.flags |= IORING_SETUP_SQPOLL;
      params.sq_thread_idle = options.sqpoll_idle_ms;
      if (options.sqpoll_cpu >= 0) {
        params.flags |= IORING_SETUP_SQ_AFF;
        params.sq_thread_cpu = static_cast<uint32_t>(options.sqpoll_cpu);
      }
    }
    const int error = io_uring_queue_init_params(entries, &ring_, &params);
    made_ = error == 0;
    return error;
  }

  void LimitWorkers(const RingOptions& options) {
    if (options.bounded_workers_max == 0 && options.unbounded_workers_max == 0) return;
    unsigned limits[2] = {options.bounded_workers_max, options.unbounded_workers_max};
    // Linux 5.15; before, the kernel's own limits hold.
    (void)io_uring_register_iowq_max_workers(&ring_, limits);
  }

  io_uring ring_{};
  MemoryWait memory_wait_;
  bool made_ = false;
  bool restricted_ = false;
  UniqueFd event_fd_;
};

}  // namespace baton::uring

#endif  // BATON_URING_RING_H_
