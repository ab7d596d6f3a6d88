// The engine over a real ring, and over one that fails on purpose.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "bench.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

TEST("each of many more nops than the ring has entries completes once, in one submission") {
  Bench bench({.entries = 8});
  for (uint32_t slot = 0; slot < 1000; slot++) bench.Prepare(slot, Opcode::kNop);
  EXPECT(bench.Submit() == 1000);
  EXPECT(bench.WaitFor(1000));
  std::set<uint32_t> slots;
  for (const auto& completion : bench.completions) slots.insert(completion.slot);
  EXPECT(bench.completions.size() == 1000 && slots.size() == 1000);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("a batch within the size of the ring is one system call") {
  Bench bench({.entries = 64});
  for (uint32_t slot = 0; slot < 60; slot++) bench.Prepare(slot, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.port().submits() == 1);
}

// mutant: no-retry-on-eintr
TEST("EINTR, EAGAIN and EBUSY from the kernel lose nothing and double nothing") {
  for (const int error : {-EINTR, -EAGAIN, -EBUSY}) {
    Bench bench({.entries = 64});
    bench.port().FailSubmits({error, error, error});
    for (uint32_t slot = 0; slot < 40; slot++) bench.Prepare(slot, Opcode::kNop);
    EXPECT(bench.Submit() == 40);
    EXPECT(bench.WaitFor(40));
    for (uint32_t slot = 0; slot < 40; slot++) EXPECT(bench.Only(slot) != nullptr);
  }
}

TEST("what the kernel refuses for long is reported as unsubmitted and handed over later") {
  Bench bench({.entries = 64});
  bench.port().FailSubmits(std::deque<int>(1000, -EAGAIN));
  bench.Prepare(1, Opcode::kNop);
  EXPECT(bench.Submit() == 1);
  EXPECT(bench.completions.empty());
  EXPECT(bench.engine().has_unsubmitted());
  bench.port().FailSubmits({});
  EXPECT(bench.engine().Reap() == 1);
  EXPECT(!bench.engine().has_unsubmitted());
}

TEST("when the ring is full and the kernel takes nothing, the rest is offered back") {
  Bench bench({.entries = 8});
  bench.port().FailSubmits(std::deque<int>(1000, -EBUSY));
  for (uint32_t slot = 0; slot < 20; slot++) bench.Prepare(slot, Opcode::kNop);
  EXPECT(bench.Submit() == 8);
  bench.port().FailSubmits({});
  EXPECT(bench.Submit() == 12);
  EXPECT(bench.WaitFor(20));
}

TEST("completions that overflow the completion queue all arrive") {
  Fifo fifo;
  Bench bench({.entries = 8, .cq_entries = 8});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  for (uint32_t slot = 0; slot < 64; slot++) {
    SubmissionRecord& record = bench.Prepare(slot, Opcode::kRead);
    bench.Use(record, pipe);
    record.buffer = static_cast<int32_t>(slot);
    record.length = 1;
    record.position_low = UINT32_MAX;
    record.position_high = -1;
  }
  EXPECT(bench.Submit() == 64);
  const int writer = open(fifo.path.c_str(), O_WRONLY);
  char bytes[64] = {};
  EXPECT(write(writer, bytes, 64) == 64);
  EXPECT(bench.WaitFor(64));
  for (uint32_t slot = 0; slot < 64; slot++) EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result == 1);
  close(writer);
}

TEST("more completions than one record buffer holds are counted as waiting and fetched") {
  Bench bench({.entries = 256, .completion_batch_max = 4});
  for (uint32_t slot = 0; slot < 30; slot++) bench.Prepare(slot, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.completions.size() == 30);
}

TEST("an operation on a handle of another generation is EBADF and reaches nobody") {
  Scratch scratch;
  Bench bench;
  CompletionRecord file = bench.Open(scratch.path, kOpenRead);
  file.flags += 1U << kAuxiliaryShift;
  PrepareRead(bench, 5, file, 0, 0);
  bench.Submit();
  EXPECT(bench.Only(5) != nullptr && bench.Only(5)->result == -EBADF);
}

TEST("an unknown opcode is EINVAL for that operation alone") {
  Bench bench;
  bench.Prepare(1, Opcode::kNop);
  bench.Prepare(2, Opcode::kNop).operation = 200;
  bench.Prepare(3, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.Only(1)->result == 0 && bench.Only(2)->result == -EINVAL && bench.Only(3)->result == 0);
}

TEST("bytes are read from a file, past 4 GiB too") {
  Scratch scratch;
  const int64_t far = (int64_t{1} << 33) + 4096;
  EXPECT(pwrite(scratch.fd, "near", 4, 0) == 4 && pwrite(scratch.fd, "far!", 4, far) == 4);
  Bench bench;
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
  PrepareRead(bench, 1, file, 1, 0);
  PrepareRead(bench, 2, file, 2, far);
  bench.Submit();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(1)->result == 4096 && std::memcmp(bench.Buffer(1), "near", 4) == 0);
  EXPECT(bench.Only(2)->result == 4 && std::memcmp(bench.Buffer(2), "far!", 4) == 0);
}

TEST("a cancel that names an older generation is answered ENOENT and ends nothing") {
  Bench bench;
  SubmissionRecord& timer = bench.Prepare(1, Opcode::kTimer);
  timer.position_low = 60'000'000;
  bench.Submit();
  SubmissionRecord& cancel = bench.Prepare(2, Opcode::kCancel);
  cancel.argument0 = 1;
  cancel.argument1 = 99;
  bench.Submit();
  EXPECT(bench.Only(2)->result == -ENOENT);
  EXPECT(bench.Only(1) == nullptr && bench.engine().in_flight() == 1);
  SubmissionRecord& right = bench.Prepare(3, Opcode::kCancel);
  right.argument0 = 1;
  right.argument1 = 1;
  bench.Submit();
  EXPECT(bench.WaitFor(3));
  EXPECT(bench.Only(1)->result == -ECANCELED);
}

TEST("a timer that fires answers 0") {
  Bench bench;
  bench.Prepare(1, Opcode::kTimer).position_low = 1000;
  bench.Submit();
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.Only(1)->result == 0);
}

TEST("a receive finds no buffer, then one that was provided, and says which") {
  Bench bench;
  const auto [client, server] = Connection(bench);
  SubmissionRecord& send = bench.Prepare(4, Opcode::kSend);
  bench.Use(send, client);
  send.buffer = 0;
  send.length = 5;
  std::memcpy(bench.Buffer(0), "hello", 5);
  SubmissionRecord& none = bench.Prepare(5, Opcode::kReceive, kSubmitProvidedBuffer);
  bench.Use(none, server);
  none.length = 4096;
  bench.Submit();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(5)->result == -ENOBUFS);
  EXPECT((bench.Only(5)->flags & kCompletionProvidedBuffer) == 0);

  bench.engine().shared().control(kControlProvidedBytes) = 4096;
  bench.engine().shared().control(kControlProvidedCount) = 1;
  *reinterpret_cast<uint32_t*>(bench.engine().shared().provided_block.data) = 7;
  SubmissionRecord& some = bench.Prepare(6, Opcode::kReceive, kSubmitProvidedBuffer);
  bench.Use(some, server);
  some.length = 4096;
  bench.Submit();
  EXPECT(bench.WaitFor(3));
  EXPECT(bench.Only(6)->result == 5);
  EXPECT(bench.Only(6)->flags == (7U << kAuxiliaryShift | kCompletionProvidedBuffer));
  EXPECT(std::memcmp(bench.Buffer(7), "hello", 5) == 0);
}

// mutant: shutdown-without-reaping
TEST("shutting down reaps every operation, and nothing is written to its memory afterwards") {
  Fifo fifo;
  Bench bench;
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  for (uint32_t slot = 0; slot < 32; slot++) PrepareRead(bench, slot, pipe, slot, -1);
  bench.Submit();
  EXPECT(bench.engine().in_flight() == 32);
  EXPECT(bench.engine().Shutdown(1000) == 0);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("descriptors that arrive while the session ends are closed") {
  Scratch scratch;
  const int before = dup(0);
  close(before);
  {
    Bench bench;
    for (uint32_t slot = 0; slot < 16; slot++) {
      SubmissionRecord& open = bench.Prepare(slot, Opcode::kOpen);
      std::memcpy(bench.Arena(0), scratch.path, sizeof(scratch.path));
      open.arena_offset = 0;
      open.argument0 = kOpenRead;
    }
    bench.Submit();
    bench.engine().Shutdown(1000);
  }
  const int after = dup(0);
  EXPECT(after == before);
  close(after);
}

TEST("with every optional feature off, the same operations work") {
  Scratch scratch;
  EXPECT(pwrite(scratch.fd, "bytes", 5, 0) == 5);
  Bench bench({.disabled_features = UINT32_MAX});
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
  PrepareRead(bench, 1, file, 0, 0);
  SubmissionRecord& truncate = bench.Prepare(2, Opcode::kTruncate);
  bench.Use(truncate, file);
  truncate.position_low = 3;
  bench.Submit();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(2)->result == 0);
  EXPECT(lseek(scratch.fd, 0, SEEK_END) == 3);
  EXPECT(bench.engine().Shutdown(1000) == 0);
}

TEST("a ring with deferred work is woken through its eventfd") {
  Fifo fifo;
  Bench bench({.defer_taskrun = true});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  PrepareRead(bench, 1, pipe, 0, -1);
  bench.Submit();
  const int writer = open(fifo.path.c_str(), O_WRONLY);
  EXPECT(write(writer, "x", 1) == 1);
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.Only(1)->result == 1);
  close(writer);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
