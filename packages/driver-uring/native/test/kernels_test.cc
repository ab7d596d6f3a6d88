// What other kernels do: older ones that lack something, ones that refuse, and completions that nobody has asked for.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <deque>

#include "bench.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

using Clock = std::chrono::steady_clock;

int64_t ElapsedMs(Clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
}

SubmissionRecord& PrepareTimer(Bench& bench, uint32_t slot, uint32_t microseconds) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kTimer);
  record.position_low = microseconds;
  return record;
}

// Turns of an event loop, a millisecond each, until so many completions are there.
bool TurnUntil(Bench& bench, size_t count) {
  for (int turns = 0; turns < 5000 && bench.completions.size() < count; turns++) {
    usleep(1000);
    bench.Turn();
  }
  return bench.completions.size() >= count;
}

const std::deque<int> kRefusals(1'000'000, -EPERM);

}  // namespace

// --- user data ------------------------------------------------------------------------------------------------------

// mutant: unknown-completion-is-taken
TEST("completions that are of no operation in flight are counted and passed over") {
  Bench bench;
  // Of liburing's own wait, of a slot at rest, of another generation, and of no slot at all.
  const uint64_t strangers[] = {UINT64_MAX, UserData(77, 1), UserData(1, 9), UserData(1U << 19, 1)};
  PrepareTimer(bench, 1, 60'000'000);
  bench.Submit();
  for (const uint64_t user_data : strangers) {
    io_uring_sqe* sqe = bench.port().GetSqe();
    io_uring_prep_nop(sqe);
    sqe->user_data = user_data;
  }
  bench.Prepare(2, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.WaitFor(1) && bench.completions.size() == 1 && bench.Only(2)->result == 0);
  EXPECT(bench.engine().unknown_completions() == 4 && bench.engine().in_flight() == 1);
}

// --- waiting without EXT_ARG ----------------------------------------------------------------------------------------

// mutant: wait-by-an-entry
TEST("a wait without EXT_ARG leaves no entry behind, ends at its time and with a completion") {
  Bench bench({.disabled_features = kFeatureExtArg});
  const auto start = Clock::now();
  EXPECT(bench.port().Wait(20'000'000) == -ETIME);
  EXPECT(ElapsedMs(start) >= 19 && bench.port().SqReady() == 0 && bench.port().CqReady() == 0);
  PrepareTimer(bench, 1, 5000);
  bench.Submit();
  EXPECT(bench.port().Wait(5'000'000'000) == 0);
  EXPECT(bench.WaitFor(1) && bench.Only(1)->result == 0 && bench.engine().unknown_completions() == 0);
}

TEST("a session without EXT_ARG ends with everything in flight confirmed") {
  Fifo fifo;
  Bench bench({.disabled_features = UINT32_MAX});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  for (uint32_t slot = 0; slot < 32; slot++) PrepareRead(bench, slot, pipe, slot, -1);
  bench.Submit();
  EXPECT(bench.engine().Shutdown(5000) == 0 && bench.engine().unknown_completions() == 0);
}

// --- sqpoll ---------------------------------------------------------------------------------------------------------

// mutant: sqpoll-without-its-files
TEST("sqpoll is refused where its thread takes registered files only") {
  RingOptions options;
  options.sqpoll = true;
  options.disabled_features = kFeatureSqpollFiles;
  EXPECT(Ring::Create(options).error() == -EOPNOTSUPP);
}

// mutant: sqpoll-submit-spins
TEST("with sqpoll a batch within the size of the ring is told once, and nobody waits until it is taken") {
  Bench bench({.entries = 512, .sqpoll = true});
  for (int round = 0; round < 20; round++) {
    const int before = bench.port().submits();
    for (uint32_t slot = 0; slot < 500; slot++) bench.Prepare(slot, Opcode::kNop);
    EXPECT(bench.Submit() == 500);
    EXPECT(bench.port().submits() == before + 1 && !bench.engine().has_unsubmitted());
    EXPECT(bench.WaitFor(500));
    for (uint32_t slot = 0; slot < 500; slot++) bench.NextGeneration(slot);
    bench.completions.clear();
  }
}

TEST("with sqpoll each of many more operations than the ring has entries completes once") {
  Bench bench({.entries = 8, .sqpoll = true});
  for (uint32_t slot = 0; slot < 1000; slot++) bench.Prepare(slot, Opcode::kNop);
  EXPECT(bench.Submit() == 1000);
  EXPECT(bench.WaitFor(1000) && bench.completions.size() == 1000);
  for (uint32_t slot = 0; slot < 1000; slot++) EXPECT(bench.Only(slot) != nullptr);
}

TEST("with sqpoll a close in one batch behind reads and syncs comes after them") {
  Scratch scratch;
  EXPECT(pwrite(scratch.fd, "bytes", 5, 0) == 5);
  Bench bench({.sqpoll = true});
  for (int round = 0; round < 20; round++) {
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    PrepareRead(bench, 1, file, 1, 0);
    bench.Use(bench.Prepare(2, Opcode::kFsync), file);
    bench.Use(bench.Prepare(3, Opcode::kClose), file);
    bench.Submit();
    EXPECT(bench.WaitFor(3));
    EXPECT(bench.Only(1)->result == 5 && bench.Only(2)->result == 0 && bench.Only(3)->result == 0);
    for (uint32_t slot = 1; slot <= 3; slot++) bench.NextGeneration(slot);
  }
}

// --- a kernel that refuses ------------------------------------------------------------------------------------------

// mutant: refused-for-ever
TEST("what the kernel refuses for a second ends with its reason, and what comes then ends at once") {
  Bench bench;
  bench.Prepare(9, Opcode::kNop);
  bench.Submit();
  bench.port().FailSubmits(kRefusals);
  const auto start = Clock::now();
  bench.Prepare(1, Opcode::kNop);
  PrepareTimer(bench, 2, 60'000'000);
  bench.Submit();
  EXPECT(bench.completions.size() == 1 && bench.engine().has_unsubmitted());
  EXPECT(TurnUntil(bench, 3));
  EXPECT(ElapsedMs(start) >= 900 && bench.Only(1)->result == -EPERM && bench.Only(2)->result == -EPERM);
  EXPECT(!bench.engine().has_unsubmitted() || bench.engine().in_flight() == 0);
  bench.Prepare(3, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.Only(3) != nullptr && bench.Only(3)->result == -EPERM);
  // It takes entries again.
  bench.port().FailSubmits({});
  for (uint32_t slot = 10; slot < 200; slot++) bench.Prepare(slot, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.WaitFor(194));
  for (uint32_t slot = 10; slot < 200; slot++) EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result == 0);
  EXPECT(bench.engine().in_flight() == 0 && bench.engine().unknown_completions() == 0);
}

TEST(
    "of what is refused nothing is lost: a closed handle is open, a socket is closed, a chain breaks behind its head") {
  Scratch scratch;
  const int before = dup(0);
  close(before);
  {
    Bench bench;
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    bench.port().FailSubmits(kRefusals);
    const uint32_t nowhere[4] = {kAddressFamilyIpv4, 1, 0, 0x0100007f};
    std::memcpy(bench.Arena(512), nowhere, sizeof(nowhere));
    bench.Prepare(1, Opcode::kConnect).arena_offset = 512;
    bench.Prepare(2, Opcode::kNop, kSubmitLink);
    bench.Prepare(3, Opcode::kNop);
    bench.Use(bench.Prepare(4, Opcode::kClose), file);
    bench.Submit();
    EXPECT(TurnUntil(bench, 4));
    EXPECT(bench.Only(1)->result == -EPERM && bench.Only(2)->result == -EPERM);
    EXPECT(bench.Only(3)->result == -ECANCELED && bench.Only(4)->result == -EPERM);
    bench.port().FailSubmits({});
    bench.Use(bench.Prepare(5, Opcode::kFsync), file);
    bench.Submit();
    EXPECT(bench.WaitFor(5) && bench.Only(5)->result == 0);
    EXPECT(bench.engine().Shutdown(1000) == 0);
  }
  const int after = dup(0);
  EXPECT(after == before);
  close(after);
}

// mutant: cancels-give-up
TEST("the end of a session cancels everything, though the ring is full at first and the kernel takes nothing") {
  Fifo fifo;
  Bench bench({.entries = 8, .disabled_features = kFeatureCancelAny});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  for (uint32_t slot = 0; slot < 64; slot++) PrepareRead(bench, slot, pipe, slot, -1);
  bench.Submit();
  EXPECT(bench.engine().in_flight() == 64);
  bench.port().FailSubmits(std::deque<int>(200, -EBUSY));
  EXPECT(bench.engine().Shutdown(5000) == 0);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
