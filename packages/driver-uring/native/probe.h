// What this kernel answers to io_uring's three system calls: a fingerprint that tells who refuses, a real ring with a
// real round trip, and the operations it knows. Raw system calls, without liburing: its wrappers retry and fall back,
// and here every answer counts.
#ifndef BATON_URING_PROBE_H_
#define BATON_URING_PROBE_H_

#include <liburing.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "baton/unique_fd.h"

namespace baton::uring {

// The system calls of the probe; a result is not negative, or a negative errno. Tests put others in their place.
struct KernelCalls {
  static int64_t Setup(uint32_t entries, io_uring_params* params) {
    return Answer(syscall(__NR_io_uring_setup, entries, params));
  }
  static int64_t Enter(int fd, uint32_t submit, uint32_t complete, uint32_t flags) {
    return Answer(syscall(__NR_io_uring_enter, fd, submit, complete, flags, nullptr, 0));
  }
  static int64_t Register(int fd, uint32_t opcode, void* argument, uint32_t count) {
    return Answer(syscall(__NR_io_uring_register, fd, opcode, argument, count));
  }
  static void* Map(size_t bytes, int fd, uint64_t offset) {
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
  }
  static void Unmap(void* address, size_t bytes) { (void)munmap(address, bytes); }
  static int64_t SeccompMode() { return Answer(prctl(PR_GET_SECCOMP, 0, 0, 0, 0)); }

 private:
  static int64_t Answer(int64_t result) { return result < 0 ? -errno : result; }
};

// How far the round trip came.
enum class ProbeStep : uint8_t { kSetup, kMap, kEnter, kCompletion, kDone };

inline constexpr uint32_t kProbeOpcodesMax = 256;

// Plain memory: a child process writes it, and its parent reads it.
struct KernelProbe {
  // Errnos, positive; 0 stands for success.
  int setup = 0;
  int setup_null = 0;
  int enter = 0;
  int register_ring = 0;
  // The step at which the round trip of a no-op ended, and the errno there.
  ProbeStep step = ProbeStep::kSetup;
  int round_trip = 0;
  // Of the ring that was made; 0 when there is none.
  uint32_t entries = 0;
  uint32_t features = 0;
  // What the question for operations was refused with (EINVAL before Linux 5.6), how many there are and their numbers.
  int opcode_probe = 0;
  uint32_t opcode_count = 0;
  std::array<uint8_t, kProbeOpcodesMax> opcodes{};
  // What prctl(2) says: 0 none, 2 filter, or a negative errno.
  int seccomp_mode = 0;
};
static_assert(std::is_trivially_copyable_v<KernelProbe>);

// A result as the probe keeps it: a positive errno, 0 for success.
constexpr int ErrorOf(int64_t result) { return result < 0 ? static_cast<int>(-result) : 0; }

// A mapping of a ring's memory.
template <typename Calls>
class RingMapping {
 public:
  RingMapping(int fd, size_t bytes, uint64_t offset) : bytes_(bytes), address_(Calls::Map(bytes, fd, offset)) {
    if (address_ == MAP_FAILED) error_ = errno;
  }
  RingMapping(const RingMapping&) = delete;
  RingMapping& operator=(const RingMapping&) = delete;
  ~RingMapping() {
    if (error_ == 0) Calls::Unmap(address_, bytes_);
  }
  int error() const { return error_; }
  template <typename T>
  T* At(uint32_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(address_) + offset);
  }

 private:
  size_t bytes_;
  void* address_;
  int error_ = 0;
};

// One no-op through the ring and back. The kernel completes it while it is submitted, so nothing is waited for.
template <typename Calls>
void TryRoundTrip(int fd, const io_uring_params& params, KernelProbe& probe) {
  constexpr uint64_t kMark = 0x6261746f6e;  // "baton"
  probe.step = ProbeStep::kMap;
  const RingMapping<Calls> sq(fd, params.sq_off.array + params.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
  const RingMapping<Calls> cq(fd, params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe), IORING_OFF_CQ_RING);
  const RingMapping<Calls> sqes(fd, params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
  for (const int error : {sq.error(), cq.error(), sqes.error()}) {
    if (error == 0) continue;
    probe.round_trip = error;
    return;
  }
  auto* sqe = sqes.template At<io_uring_sqe>(0);
  std::memset(sqe, 0, sizeof(*sqe));
  sqe->opcode = IORING_OP_NOP;
  sqe->user_data = kMark;
  *sq.template At<uint32_t>(params.sq_off.array) = 0;
  std::atomic_ref<uint32_t>(*sq.template At<uint32_t>(params.sq_off.tail)).store(1, std::memory_order_release);

  probe.step = ProbeStep::kEnter;
  const int64_t submitted = Calls::Enter(fd, 1, 0, IORING_ENTER_GETEVENTS);
  if (submitted < 0) {
    probe.round_trip = static_cast<int>(-submitted);
    return;
  }
  probe.step = ProbeStep::kCompletion;
  std::atomic_ref<uint32_t> tail(*cq.template At<uint32_t>(params.cq_off.tail));
  const auto* cqe = cq.template At<io_uring_cqe>(params.cq_off.cqes);
  if (tail.load(std::memory_order_acquire) != 1 || cqe->user_data != kMark) {
    probe.round_trip = EIO;
  } else if (cqe->res < 0) {
    probe.round_trip = -cqe->res;
  } else {
    probe.step = ProbeStep::kDone;
  }
}

// Asks which operations the kernel has.
template <typename Calls>
void AskForOpcodes(int fd, KernelProbe& probe) {
  alignas(io_uring_probe) std::array<std::byte, sizeof(io_uring_probe) + kProbeOpcodesMax * sizeof(io_uring_probe_op)>
      memory{};
  auto* answer = reinterpret_cast<io_uring_probe*>(memory.data());
  probe.opcode_probe = ErrorOf(Calls::Register(fd, IORING_REGISTER_PROBE, answer, kProbeOpcodesMax));
  if (probe.opcode_probe != 0) return;
  for (uint32_t index = 0; index < answer->ops_len && index < kProbeOpcodesMax; ++index) {
    if ((answer->ops[index].flags & IO_URING_OP_SUPPORTED) == 0) continue;
    probe.opcodes[probe.opcode_count++] = answer->ops[index].op;
  }
}

// Entries of the ring that is made for asking: the fewest that the driver would live with. The kernel gives a closed
// ring's memory back late, so where locked memory is short a larger one would make the driver's own ring smaller.
inline constexpr uint32_t kProbeEntries = 8;

// Asks the kernel everything, into `probe`. Makes one ring and closes it. Allocates nothing: a child process of a
// program with threads can call it.
template <typename Calls = KernelCalls>
void ProbeKernel(KernelProbe& probe) {
  probe.seccomp_mode = static_cast<int>(Calls::SeccompMode());
  io_uring_params params{};
  const int64_t fd = Calls::Setup(kProbeEntries, &params);
  probe.setup = ErrorOf(fd);
  const UniqueFd ring(fd < 0 ? -1 : static_cast<int>(fd));
  // Only io_uring_setup asks the sysctl and the security modules; a seccomp filter sits before all three.
  probe.setup_null = ErrorOf(Calls::Setup(0, nullptr));
  probe.enter = ErrorOf(Calls::Enter(-1, 0, 0, 0));
  probe.register_ring = ErrorOf(Calls::Register(-1, IORING_REGISTER_PROBE, nullptr, kProbeOpcodesMax));
  if (!ring.valid()) {
    probe.round_trip = probe.setup;
    return;
  }
  probe.entries = params.sq_entries;
  probe.features = params.features;
  TryRoundTrip<Calls>(ring.get(), params, probe);
  AskForOpcodes<Calls>(ring.get(), probe);
}

}  // namespace baton::uring

#endif  // BATON_URING_PROBE_H_
