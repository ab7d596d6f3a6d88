// The probe over this kernel, and over kernels that refuse in every way there is.
#include "probe.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "harness.h"
#include "probe_child.h"
#include "rehearsal.h"

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
  static inline uint32_t rings = 0;
  static inline uint32_t largest = 0;

  static void Reset() {
    setup = setup_null = enter = enter_none = register_ring = map = 0;
    rings = largest = 0;
  }

  static int64_t Setup(uint32_t entries, io_uring_params* params) {
    if (params == nullptr) return setup_null != 0 ? -setup_null : KernelCalls::Setup(entries, params);
    if (setup != 0) return -setup;
    const int64_t fd = KernelCalls::Setup(entries, params);
    if (fd >= 0) ++rings;
    largest = std::max(largest, entries);
    return fd;
  }
  static int64_t Enter(int fd, uint32_t submit, uint32_t complete, uint32_t flags) {
    if (enter_none != 0) return 0;
    return enter != 0 ? -enter : KernelCalls::Enter(fd, submit, complete, flags);
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

// Notes what it is called with, and passes it on.
struct Recorder : KernelCalls {
  static inline std::set<uint32_t> sizes;
  static inline std::set<uint32_t> flags;
  static inline std::set<uint32_t> operations;
  static int64_t Setup(uint32_t entries, io_uring_params* params) {
    sizes.insert(entries);
    return KernelCalls::Setup(entries, params);
  }
  static int64_t Enter(int fd, uint32_t submit, uint32_t complete, uint32_t enter_flags) {
    flags.insert(enter_flags);
    return KernelCalls::Enter(fd, submit, complete, enter_flags);
  }
  static int64_t Register(int fd, uint32_t opcode, void* argument, uint32_t count) {
    operations.insert(opcode);
    return KernelCalls::Register(fd, opcode, argument, count);
  }
};

// False where this machine has no io_uring to pass calls on to.
bool HasRing() {
  io_uring_params params{};
  const int64_t fd = KernelCalls::Setup(8, &params);
  if (fd >= 0) close(static_cast<int>(fd));
  return fd >= 0;
}

template <typename Calls = KernelCalls>
KernelProbe Probe() {
  KernelProbe probe;
  ProbeKernel<Calls>(probe);
  return probe;
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
  const KernelProbe probe = Probe();
  EXPECT(probe.setup == 0);
  EXPECT(probe.setup_null == EFAULT);
  EXPECT(probe.enter == EBADF);
  EXPECT(probe.register_ring == EBADF || probe.register_ring == EINVAL);
  EXPECT(probe.step == ProbeStep::kDone);
  EXPECT(probe.round_trip == 0);
  EXPECT(probe.entries == kProbeEntries);
  EXPECT((probe.features & IORING_FEAT_NODROP) != 0);
  EXPECT(probe.opcode_count > 0 && probe.opcodes[0] == IORING_OP_NOP);
  EXPECT(OpenFds() == before);
}

TEST("a refusal of all three calls is reported call by call, whatever the errno") {
  for (int error = 1; error <= 133; ++error) {
    FakeKernel::Reset();
    FakeKernel::setup = FakeKernel::setup_null = FakeKernel::enter = FakeKernel::register_ring = error;
    const KernelProbe probe = Probe<FakeKernel>();
    EXPECT(probe.setup == error && probe.setup_null == error);
    EXPECT(probe.enter == error && probe.register_ring == error);
    EXPECT(probe.step == ProbeStep::kSetup && probe.round_trip == error);
    EXPECT(probe.entries == 0 && probe.opcode_count == 0);
    EXPECT(probe.seccomp_mode == 2);
  }
}

// mutant: probe-makes-a-large-ring
TEST("asking takes as little locked memory as can be: one ring, the smallest") {
  if (!HasRing()) return;
  FakeKernel::Reset();
  EXPECT(Probe<FakeKernel>().step == ProbeStep::kDone);
  EXPECT(FakeKernel::rings == 1);
  EXPECT(FakeKernel::largest == 8);
}

TEST("a ring that cannot be entered, mapped or asked says at which step") {
  if (!HasRing()) return;
  FakeKernel::Reset();
  FakeKernel::enter = EPERM;
  KernelProbe probe = Probe<FakeKernel>();
  EXPECT(probe.setup == 0 && probe.step == ProbeStep::kEnter && probe.round_trip == EPERM);

  FakeKernel::Reset();
  FakeKernel::map = EACCES;
  probe = Probe<FakeKernel>();
  EXPECT(probe.setup == 0 && probe.step == ProbeStep::kMap && probe.round_trip == EACCES);

  FakeKernel::Reset();
  FakeKernel::register_ring = EPERM;
  probe = Probe<FakeKernel>();
  EXPECT(probe.step == ProbeStep::kDone && probe.opcode_probe == EPERM && probe.opcode_count == 0);

  FakeKernel::Reset();
  FakeKernel::enter_none = 1;
  probe = Probe<FakeKernel>();
  EXPECT(probe.step == ProbeStep::kCompletion && probe.round_trip == EIO);
}

// mutant: flags-not-rehearsed
TEST("a rehearsal makes a call for every size, flag and operation of the driver, and says which is refused") {
  Rehearsal rehearsal;
  Rehearse<Recorder>(2048, rehearsal);
  if (HasRing()) EXPECT(rehearsal.error == 0);
  EXPECT(rehearsal.current.name == RingCall::Name::kNone);
  EXPECT((Recorder::sizes == std::set<uint32_t>{0, 8, 64, 256, 1024, 2048, 4096}));
  EXPECT(Recorder::flags.size() == 32);
  EXPECT(Recorder::operations.size() == std::size(kRegistrations));

  FakeKernel::Reset();
  FakeKernel::enter = EPERM;
  Rehearse<FakeKernel>(1024, rehearsal);
  EXPECT(rehearsal.error == EPERM && rehearsal.refused.name == RingCall::Name::kEnter);
}

// mutant: ring-not-waited-for
TEST("memory that the limit has room for is waited for, and what it has no room for is not") {
  int attempts = 0;
  const auto third = [&attempts] { return ++attempts < 3 ? -ENOMEM : 0; };
  EXPECT(MemoryWait().For(0, third) == 0);
  EXPECT(attempts == 3);

  rlimit limit{};
  EXPECT(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  if (limit.rlim_cur == RLIM_INFINITY) return;
  attempts = 0;
  EXPECT(MemoryWait().For(limit.rlim_cur + 1, third) == -ENOMEM);
  EXPECT(attempts == 1);
}

TEST("a child answers what this process would, and is gone then") {
  if (!HasRing()) return;
  const int before = OpenFds();
  auto started = ProbeChild::Start(1024);
  EXPECT(started.ok());
  while (!started.value()->HasEnded()) usleep(100);
  const ProbeChild& child = *started.value();
  EXPECT(child.signal() == 0 && child.done());
  EXPECT(child.report().probe.step == ProbeStep::kDone);
  EXPECT(child.report().probe.opcode_count == Probe().opcode_count);
  EXPECT(child.report().rehearsal.error == 0);
  EXPECT(waitpid(-1, nullptr, WNOHANG | __WALL) == -1 && errno == ECHILD);
  EXPECT(OpenFds() == before);
}

TEST("a child that is not waited for is ended with its owner") {
  {
    EXPECT(ProbeChild::Start(1024).ok());
  }
  EXPECT(waitpid(-1, nullptr, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
