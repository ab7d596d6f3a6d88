// Chains and timeouts: what starts after what, what is canceled by what, and who is told. Each chain runs by links of
// the kernel and, with links switched off, by the engine alone.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

constexpr uint32_t kMasks[] = {0, kFeatureLinks, UINT32_MAX};

size_t IndexOf(const Bench& bench, uint32_t slot) {
  for (size_t index = 0; index < bench.completions.size(); index++) {
    if (bench.completions[index].slot == slot) return index;
  }
  return SIZE_MAX;
}

SubmissionRecord& PrepareTimer(Bench& bench, uint32_t slot, uint32_t microseconds, uint32_t flags) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kTimer, flags);
  record.position_low = microseconds;
  return record;
}

SubmissionRecord& PrepareWrite(Bench& bench, uint32_t slot, const CompletionRecord& file, const char* bytes,
                               int64_t position, uint32_t flags) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kWrite, flags);
  bench.Use(record, file);
  record.buffer = static_cast<int32_t>(slot);
  record.length = static_cast<uint32_t>(std::strlen(bytes));
  std::memcpy(bench.Buffer(slot), bytes, record.length);
  SetPosition(record, position);
  return record;
}

// A listener for chains, which is no entry of the ring.
void PrepareListen(Bench& bench, uint32_t slot, int32_t offset, uint32_t flags) {
  const uint32_t loopback[4] = {kAddressFamilyIpv4, 0, 0, 0x0100007f};
  std::memcpy(bench.Arena(offset), loopback, sizeof(loopback));
  SubmissionRecord& listen = bench.Prepare(slot, Opcode::kListen, flags);
  listen.arena_offset = offset;
  listen.argument1 = 1;
}

}  // namespace

// mutant: chain-ignores-gates
TEST("the next of a chain starts when the one before it has ended") {
  for (const uint32_t mask : kMasks) {
    Bench bench({.disabled_features = mask});
    PrepareTimer(bench, 1, 20'000, kSubmitLink);
    bench.Prepare(2, Opcode::kNop, kSubmitLink);
    bench.Prepare(3, Opcode::kNop);
    bench.Prepare(4, Opcode::kNop);
    EXPECT(bench.Submit() == 4);
    // The fourth is of no chain.
    EXPECT(bench.Only(4) != nullptr && bench.Only(2) == nullptr);
    EXPECT(bench.WaitFor(4));
    EXPECT(bench.Only(1)->result == 0 && bench.Only(2)->result == 0 && bench.Only(3)->result == 0);
    EXPECT(IndexOf(bench, 1) < IndexOf(bench, 2) && IndexOf(bench, 2) < IndexOf(bench, 3));
    EXPECT(bench.engine().in_flight() == 0);
  }
}

// mutant: chain-goes-on-after-failure
TEST("what stands behind a failed one completes as canceled and does nothing, what stands before it is done") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    CompletionRecord closed = file;
    closed.flags += 1U << kAuxiliaryShift;
    PrepareWrite(bench, 1, file, "one", 0, kSubmitLink);
    PrepareWrite(bench, 2, closed, "two", 3, kSubmitLink);
    PrepareWrite(bench, 3, file, "three", 3, kSubmitLink);
    PrepareWrite(bench, 4, file, "four", 3, 0);
    EXPECT(bench.Submit() == 4);
    EXPECT(bench.WaitFor(4));
    EXPECT(bench.Only(1)->result == 3 && bench.Only(2)->result == -EBADF);
    EXPECT(bench.Only(3)->result == -ECANCELED && bench.Only(4)->result == -ECANCELED);
    EXPECT(lseek(scratch.fd, 0, SEEK_END) == 3);
    EXPECT(bench.engine().in_flight() == 0);
  }
}

// mutant: uring-leaves-failures-to-the-kernel
TEST("a failure that the kernel passes over, of a name or of a sync, ends its chain all the same") {
  for (const uint32_t mask : kMasks) {
    for (const Opcode opcode : {Opcode::kUnlink, Opcode::kMkdir, Opcode::kFsync, Opcode::kFdatasync}) {
      Scratch scratch;
      Bench bench({.disabled_features = mask});
      const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
      const CompletionRecord null = bench.Open("/dev/null", kOpenRead | kOpenWrite);
      PrepareWrite(bench, 1, file, "one", 0, kSubmitLink);
      SubmissionRecord& fails = bench.Prepare(2, opcode, kSubmitLink);
      if (InfoOf(opcode).area == AreaContent::kPath) {
        // There is no such directory.
        SetPath(bench, fails, 0, "/nowhere/at/all");
      } else {
        bench.Use(fails, null);
      }
      PrepareWrite(bench, 3, file, "two", 3, kSubmitLink);
      bench.Prepare(4, Opcode::kNop);
      EXPECT(bench.Submit() == 4);
      EXPECT(bench.WaitFor(4));
      EXPECT(bench.Only(1)->result == 3 && bench.Only(2)->result < 0 && bench.Only(2)->result != -ECANCELED);
      EXPECT(bench.Only(3)->result == -ECANCELED && bench.Only(4)->result == -ECANCELED);
      EXPECT(lseek(scratch.fd, 0, SEEK_END) == 3);
    }
  }
}

TEST("a failure that the kernel finds while it takes the entry cancels nothing before it") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    PrepareWrite(bench, 1, file, "one", 0, kSubmitLink);
    SetPath(bench, bench.Prepare(2, Opcode::kUnlink, kSubmitLink), 0, "");
    bench.Prepare(3, Opcode::kNop);
    EXPECT(bench.Submit() == 3);
    EXPECT(bench.WaitFor(3));
    EXPECT(bench.Only(1)->result == 3 && bench.Only(2)->result == -ENOENT && bench.Only(3)->result == -ECANCELED);
  }
}

TEST("a read that brings less than it was asked for ends its chain, a splice does not") {
  for (const uint32_t mask : {0U, static_cast<uint32_t>(kFeatureLinks)}) {
    Scratch scratch;
    EXPECT(pwrite(scratch.fd, "short", 5, 0) == 5);
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
    PrepareRead(bench, 1, file, 1, 0, kSubmitLink);
    bench.Prepare(2, Opcode::kNop);
    SubmissionRecord& pipe = bench.Prepare(3, Opcode::kPipe);
    pipe.arena_offset = 0;
    EXPECT(bench.Submit() == 3);
    EXPECT(bench.WaitFor(3));
    EXPECT(bench.Only(1)->result == 5 && bench.Only(2)->result == -ECANCELED && bench.Only(3)->result == 0);

    bench.completions.clear();
    SubmissionRecord& splice = bench.Prepare(4, Opcode::kSplice, kSubmitLink);
    bench.Use(splice, file);
    splice.second_handle_index = static_cast<int32_t>(ArenaWord(bench, 4 * kPipeWriteIndexWord));
    splice.second_handle_generation = ArenaWord(bench, 4 * kPipeWriteGenerationWord);
    splice.length = 4096;
    SetArgument(splice, -1);
    bench.Prepare(5, Opcode::kNop);
    EXPECT(bench.Submit() == 2);
    EXPECT(bench.WaitFor(2));
    EXPECT(bench.Only(4)->result == 5 && bench.Only(5)->result == 0);
  }
}

TEST("an operation that is no entry of the ring, and a connect and a close, have their place in a chain") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenWrite);
    PrepareTimer(bench, 1, 2000, kSubmitLink);
    PrepareListen(bench, 2, 0, kSubmitLink);
    PrepareWrite(bench, 3, file, "x", 0, kSubmitLink);
    bench.Use(bench.Prepare(4, Opcode::kClose, kSubmitLink), file);
    // Nobody listens there: it fails, and with it what stands behind.
    const uint32_t nowhere[4] = {kAddressFamilyIpv4, 1, 0, 0x0100007f};
    std::memcpy(bench.Arena(512), nowhere, sizeof(nowhere));
    bench.Prepare(5, Opcode::kConnect, kSubmitLink).arena_offset = 512;
    bench.Prepare(6, Opcode::kNop);
    EXPECT(bench.Submit() == 6);
    EXPECT(bench.WaitFor(6));
    EXPECT(bench.Only(1)->result == 0 && bench.Only(2)->result >= 0 && bench.Only(3)->result == 1);
    EXPECT(bench.Only(4)->result == 0 && bench.Only(5)->result == -ECONNREFUSED);
    EXPECT(bench.Only(6)->result == -ECANCELED);
    EXPECT(bench.engine().in_flight() == 0);
  }
}

// mutant: chain-goes-on-after-failure
TEST("a close that its chain never came to leaves the handle open") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
    // Not opened for writing.
    PrepareWrite(bench, 1, file, "x", 0, kSubmitLink);
    bench.Use(bench.Prepare(2, Opcode::kClose), file);
    bench.Submit();
    EXPECT(bench.WaitFor(2));
    EXPECT(bench.Only(1)->result == -EBADF && bench.Only(2)->result == -ECANCELED);
    bench.Use(bench.Prepare(3, Opcode::kFsync), file);
    EXPECT(Complete(bench, 3).result == 0);
  }
}

// mutant: chain-holds-nothing
TEST("a handle that the middle of a chain still needs is closed only after it") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenWrite);
    PrepareTimer(bench, 1, 30'000, kSubmitLink);
    PrepareWrite(bench, 2, file, "late", 0, 0);
    bench.Submit();
    bench.Use(bench.Prepare(3, Opcode::kClose), file);
    bench.Submit();
    // Takes the descriptor's number if that is free.
    const int thief = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    EXPECT(bench.WaitFor(3));
    EXPECT(bench.Only(3)->result == 0);
    // The write was submitted before the close, so it has its file, whoever starts it.
    EXPECT(bench.Only(2)->result == 4);
    EXPECT(lseek(thief, 0, SEEK_END) == 0);
    close(thief);
  }
}

TEST("a chain is taken whole or not at all") {
  Bench bench({.entries = 8});
  bench.port().FailSubmits(std::deque<int>(10'000, -EBUSY));
  for (uint32_t slot = 0; slot < 5; slot++) bench.Prepare(slot, Opcode::kNop);
  for (uint32_t slot = 5; slot < 9; slot++) bench.Prepare(slot, Opcode::kNop, slot == 8 ? 0 : kSubmitLink);
  EXPECT(bench.Submit() == 5);
  bench.port().FailSubmits({});
  EXPECT(bench.Submit() == 4);
  EXPECT(bench.WaitFor(9));
  for (uint32_t slot = 5; slot < 9; slot++) EXPECT(bench.Only(slot)->result == 0);
}

TEST("a chain longer than the ring goes through it in order") {
  for (const uint32_t mask : kMasks) {
    Bench bench({.entries = 8, .disabled_features = mask});
    for (uint32_t slot = 0; slot < 100; slot++) bench.Prepare(slot, Opcode::kNop, slot == 99 ? 0 : kSubmitLink);
    EXPECT(bench.Submit() == 100);
    EXPECT(bench.WaitFor(100));
    for (uint32_t slot = 0; slot < 100; slot++) {
      EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result == 0 && IndexOf(bench, slot) == slot);
    }
  }
}

TEST("a chain that waits for the kernel goes on when the kernel takes entries again") {
  Bench bench({.entries = 8, .disabled_features = kFeatureLinks});
  PrepareTimer(bench, 1, 1000, kSubmitLink);
  bench.Prepare(2, Opcode::kNop);
  bench.Submit();
  for (uint32_t slot = 10; slot < 18; slot++) bench.Prepare(slot, Opcode::kNop);
  bench.port().FailSubmits(std::deque<int>(100'000, -EBUSY));
  bench.Submit();
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.Only(1) != nullptr && bench.Only(2) == nullptr && bench.engine().has_unsubmitted());
  bench.port().FailSubmits({});
  bench.engine().Reap();
  bench.Submit();
  for (int rounds = 0; rounds < 10 && bench.engine().in_flight() > 0; rounds++)
    bench.WaitFor(bench.completions.size() + 1);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("canceling the head of a chain cancels what stands behind it") {
  for (const uint32_t mask : kMasks) {
    Bench bench({.disabled_features = mask});
    PrepareTimer(bench, 1, 60'000'000, kSubmitLink);
    bench.Prepare(2, Opcode::kNop, kSubmitLink);
    bench.Prepare(3, Opcode::kNop);
    bench.Submit();
    SubmissionRecord& cancel = bench.Prepare(4, Opcode::kCancel);
    cancel.argument0 = 1;
    cancel.argument1 = 1;
    bench.Submit();
    EXPECT(bench.WaitFor(4));
    for (uint32_t slot = 1; slot < 4; slot++) EXPECT(bench.Only(slot)->result == -ECANCELED);
  }
}

TEST("one that waits behind a gate and is canceled is never started") {
  Bench bench({.disabled_features = kFeatureLinks});
  PrepareTimer(bench, 1, 5000, kSubmitLink);
  bench.Prepare(2, Opcode::kNop, kSubmitLink);
  bench.Prepare(3, Opcode::kNop);
  bench.Submit();
  SubmissionRecord& cancel = bench.Prepare(4, Opcode::kCancel);
  cancel.argument0 = 2;
  cancel.argument1 = 1;
  bench.Submit();
  EXPECT(bench.Only(4)->result == 0);
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(1)->result == 0 && bench.Only(2)->result == -ECANCELED && bench.Only(3)->result == -ECANCELED);
}

TEST("a multishot operation and a cancel have no place in a chain") {
  Bench bench;
  const auto [client, server] = Connection(bench);
  bench.Use(bench.Prepare(3, Opcode::kReceive, kSubmitMultishot | kSubmitProvidedBuffer | kSubmitLink), server);
  bench.Prepare(4, Opcode::kNop);
  bench.Prepare(5, Opcode::kCancel, kSubmitLink);
  bench.Prepare(6, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(3)->result == -EOPNOTSUPP && bench.Only(4)->result == -ECANCELED);
  EXPECT(bench.Only(5)->result == -EOPNOTSUPP && bench.Only(6)->result == -ECANCELED);
  EXPECT(client.result >= 0);
}

TEST("a session that ends with chains in flight ends all of them") {
  for (const uint32_t mask : kMasks) {
    Bench bench({.disabled_features = mask});
    for (uint32_t slot = 0; slot < 64; slot += 4) {
      PrepareTimer(bench, slot, 60'000'000, kSubmitLink);
      bench.Prepare(slot + 1, Opcode::kNop, kSubmitLink);
      PrepareListen(bench, slot + 2, 1024, kSubmitLink);
      bench.Prepare(slot + 3, Opcode::kNop);
    }
    bench.Submit();
    EXPECT(bench.engine().in_flight() == 64);
    EXPECT(bench.engine().Shutdown(2000) == 0);
  }
}

// --- timeouts -------------------------------------------------------------------------------------------------------

// mutant: timeout-not-told
TEST("an operation whose time is up is canceled, and says that this is why") {
  Fifo fifo;
  Bench bench;
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  SetTimeout(PrepareRead(bench, 1, pipe, 1, -1, kSubmitTimeout), 10'000);
  bench.Submit();
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.Only(1)->result == -ECANCELED && bench.Only(1)->flags == kCompletionTimedOut);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("an operation that ends in time has its result, and one that is canceled meanwhile was not timed out") {
  Fifo fifo;
  Fifo silent;
  Bench bench;
  const CompletionRecord nothing = bench.Open(silent.path, kOpenRead | kOpenWrite);
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  SetTimeout(PrepareRead(bench, 1, pipe, 1, -1, kSubmitTimeout), 10'000'000);
  SetTimeout(PrepareRead(bench, 2, nothing, 2, -1, kSubmitTimeout), 10'000'000);
  SetTimeout(bench.Prepare(3, Opcode::kNop, kSubmitTimeout), 1);
  bench.Submit();
  const int writer = open(fifo.path.c_str(), O_WRONLY);
  EXPECT(write(writer, "x", 1) == 1);
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(1)->result == 1 && bench.Only(1)->flags == 0 && bench.Only(3)->result == 0);
  SubmissionRecord& cancel = bench.Prepare(4, Opcode::kCancel);
  cancel.argument0 = 2;
  cancel.argument1 = 1;
  bench.Submit();
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(2)->result == -ECANCELED && bench.Only(2)->flags == 0);
  close(writer);
}

TEST("the timeout of an operation that has ended does not reach the next in its slot") {
  Bench bench;
  for (int round = 0; round < 200; round++) {
    SetTimeout(bench.Prepare(1, Opcode::kNop, kSubmitTimeout), 1 + static_cast<uint32_t>(round) % 3);
    EXPECT(Complete(bench, 1).result == 0);
    PrepareTimer(bench, 1, 200, 0);
    EXPECT(Complete(bench, 1).result == 0);
  }
}

TEST("in a chain each operation has its own time, and one that fails for it cancels those behind it") {
  for (const uint32_t mask : {0U, static_cast<uint32_t>(kFeatureLinks)}) {
    Fifo fifo;
    Bench bench({.disabled_features = mask});
    const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
    SetTimeout(PrepareTimer(bench, 1, 1000, kSubmitLink | kSubmitTimeout), 10'000'000);
    SetTimeout(PrepareRead(bench, 2, pipe, 2, -1, kSubmitLink | kSubmitTimeout), 5000);
    SetTimeout(bench.Prepare(3, Opcode::kNop, kSubmitLink | kSubmitTimeout), 5000);
    bench.Prepare(4, Opcode::kNop);
    EXPECT(bench.Submit() == 4);
    EXPECT(bench.WaitFor(4));
    EXPECT(bench.Only(1)->result == 0);
    EXPECT(bench.Only(2)->result == -ECANCELED && bench.Only(2)->flags == kCompletionTimedOut);
    EXPECT(bench.Only(3)->result == -ECANCELED && bench.Only(3)->flags == 0);
    EXPECT(bench.Only(4)->result == -ECANCELED && bench.Only(4)->flags == 0);
    EXPECT(bench.engine().in_flight() == 0);
  }
}

TEST("where the kernel has no timeouts for operations, or the operation has no place for one, it is refused") {
  Bench bench({.disabled_features = kFeatureLinkTimeout});
  SetTimeout(bench.Prepare(1, Opcode::kNop, kSubmitTimeout), 1000);
  EXPECT(Complete(bench, 1).result == -EOPNOTSUPP);
  Bench other;
  SetTimeout(other.Prepare(1, Opcode::kSplice, kSubmitTimeout), 1000);
  EXPECT(Complete(other, 1).result == -EOPNOTSUPP);
}

// Many at once, so that the operation's completion comes before its timeout's, after it, and at the same time.
TEST("a race between an operation and its time has one end, and the bytes are never lost") {
  Fifo fifo;
  Bench bench({.entries = 256});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  const int writer = open(fifo.path.c_str(), O_WRONLY | O_NONBLOCK);
  uint64_t received = 0;
  uint64_t sent = 0;
  uint32_t timed_out = 0;
  for (int round = 0; round < 50; round++) {
    bench.completions.clear();
    for (uint32_t slot = 0; slot < 40; slot++) {
      SubmissionRecord& read = PrepareRead(bench, slot, pipe, slot, -1, kSubmitTimeout);
      read.length = 1;
      SetTimeout(read, 100 + slot * 10);
    }
    bench.Submit();
    for (int count = 0; count < 20; count++) sent += write(writer, "x", 1) == 1 ? 1 : 0;
    EXPECT(bench.WaitFor(40));
    for (uint32_t slot = 0; slot < 40; slot++) {
      const CompletionRecord* only = bench.Only(slot);
      EXPECT(only != nullptr && (only->result == 1 || only->flags == kCompletionTimedOut));
      if (only != nullptr && only->result == 1) received++;
      if (only != nullptr && only->result == -ECANCELED) timed_out++;
      bench.NextGeneration(slot);
    }
  }
  char rest[4096];
  const int reader = open(fifo.path.c_str(), O_RDONLY | O_NONBLOCK);
  const ssize_t left = read(reader, rest, sizeof(rest));
  EXPECT(received + static_cast<uint64_t>(left > 0 ? left : 0) == sent);
  EXPECT(timed_out > 0 && received > 0);
  close(reader);
  close(writer);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
