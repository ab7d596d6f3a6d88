// The probe over this kernel, and over kernels that refuse in every way there is.
#include "probe.h"

#include <fcntl.h>

#include "harness.h"

using namespace baton::uring;

namespace {

// A kernel made of errnos; 0 passes the call on to the real one.
struct FakeKernel {
  static inline int setup = 0;
  static inline int setup_null = 0;
  static inline int enter = 0;
  static inline int enter_none = 0;
  static inline int register_ring = 0;
  static inline int map = 0;
  static inline uint32_t entries_max = 0;  // larger rings are ENOMEM; 0: any size
  static inline uint32_t rings = 0;

  static void Reset() {
    setup = setup_null = enter = enter_none = register_ring = map = 0;
    entries_max = rings = 0;
  }

  static int64_t Setup(uint32_t entries, io_uring_params* params) {
    if (params == nullptr) return setup_null != 0 ? -setup_null : KernelCalls::Setup(entries, params);
    if (setup != 0) return -setup;
    if (entries_max != 0 && entries > entries_max) return -ENOMEM;
    const int64_t fd = KernelCalls::Setup(entries, params);
    if (fd >= 0) ++rings;
    return fd;
  }
  static int64_t Enter(int fd, uint32_t submit, uint32_t flags) {
    if (enter_none != 0) return 0;
    return enter != 0 ? -enter : KernelCalls::Enter(fd, submit, flags);
  }
  static int64_t Register(int fd, uint32_t opcode, void* argument, uint32_t count) {
    return register_ring != 0 ? -register_ring : KernelCalls::Register(fd, opcode, argument, count);
  }
  static void* Map(size_t bytes, int fd, uint64_t offset) {
    if (map == 0) return KernelCalls::Map(bytes, fd, offset);
    errno = map;
    return MAP_FAILED;
  }
  static void Unmap(void* address, size_t bytes) { KernelCalls::Unmap(address, bytes); }
  static int64_t SeccompMode() { return 2; }
};

// False where this machine has no io_uring to pass calls on to.
bool HasRing() {
  io_uring_params params{};
  const int64_t fd = KernelCalls::Setup(8, &params);
  if (fd >= 0) close(static_cast<int>(fd));
  return fd >= 0;
}

int OpenFds() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace

TEST("a kernel with io_uring makes a ring, takes a no-op through it and tells its operations") {
  if (!HasRing()) return;
  const int before = OpenFds();
  const KernelProbe probe = ProbeKernel(1024);
  EXPECT(probe.setup == 0);
  EXPECT(probe.first_size == 0);
  EXPECT(probe.setup_null == EFAULT);
  EXPECT(probe.enter == EBADF);
  EXPECT(probe.register_ring == EBADF || probe.register_ring == EINVAL);
  EXPECT(probe.step == ProbeStep::kDone);
  EXPECT(probe.round_trip == 0);
  EXPECT(probe.entries == 1024);
  EXPECT((probe.features & IORING_FEAT_NODROP) != 0);
  EXPECT(!probe.opcodes.empty() && probe.opcodes.front() == IORING_OP_NOP);
  EXPECT(OpenFds() == before);
}

TEST("a refusal of all three calls is reported call by call, whatever the errno") {
  for (int error = 1; error <= 133; ++error) {
    FakeKernel::Reset();
    FakeKernel::setup = FakeKernel::setup_null = FakeKernel::enter = FakeKernel::register_ring = error;
    const KernelProbe probe = ProbeKernel<FakeKernel>(1024);
    EXPECT(probe.setup == error && probe.setup_null == error);
    EXPECT(probe.enter == error && probe.register_ring == error);
    EXPECT(probe.step == ProbeStep::kSetup && probe.round_trip == error);
    EXPECT(probe.entries == 0 && probe.opcodes.empty());
    EXPECT(probe.seccomp_mode == 2);
  }
}

TEST("a ring too large for its memory is tried smaller, and only one ring is made") {
  if (!HasRing()) return;
  for (const uint32_t fits : {256U, 64U, 8U}) {
    FakeKernel::Reset();
    FakeKernel::entries_max = fits;
    const KernelProbe probe = ProbeKernel<FakeKernel>(1024);
    EXPECT(probe.first_size == ENOMEM);
    EXPECT(probe.setup == 0);
    EXPECT(probe.entries == fits);
    EXPECT(probe.step == ProbeStep::kDone);
    EXPECT(FakeKernel::rings == 1);
  }
}

TEST("no memory for even the smallest ring is ENOMEM") {
  FakeKernel::Reset();
  FakeKernel::entries_max = 4;
  const KernelProbe probe = ProbeKernel<FakeKernel>(1024);
  EXPECT(probe.setup == ENOMEM && probe.first_size == ENOMEM);
  EXPECT(probe.entries == 0);
}

TEST("a ring that cannot be entered, mapped or asked says at which step") {
  if (!HasRing()) return;
  FakeKernel::Reset();
  FakeKernel::enter = EPERM;
  KernelProbe probe = ProbeKernel<FakeKernel>(64);
  EXPECT(probe.setup == 0 && probe.step == ProbeStep::kEnter && probe.round_trip == EPERM);

  FakeKernel::Reset();
  FakeKernel::map = EACCES;
  probe = ProbeKernel<FakeKernel>(64);
  EXPECT(probe.setup == 0 && probe.step == ProbeStep::kMap && probe.round_trip == EACCES);

  FakeKernel::Reset();
  FakeKernel::register_ring = EPERM;
  probe = ProbeKernel<FakeKernel>(64);
  EXPECT(probe.step == ProbeStep::kDone && probe.opcode_probe == EPERM && probe.opcodes.empty());

  FakeKernel::Reset();
  FakeKernel::enter_none = 1;
  probe = ProbeKernel<FakeKernel>(64);
  EXPECT(probe.step == ProbeStep::kCompletion && probe.round_trip == EIO);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
