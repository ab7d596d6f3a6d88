// Memory that the kernel uses in other ways: sent without a copy, and known beforehand.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "bench.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

SubmissionRecord& PrepareSend(Bench& bench, uint32_t slot, const CompletionRecord& to, uint32_t buffer, uint32_t length,
                              uint32_t flags = 0) {
  SubmissionRecord& send = bench.Prepare(slot, Opcode::kSend, flags);
  bench.Use(send, to);
  send.buffer = static_cast<int32_t>(buffer);
  send.length = length;
  return send;
}

// What arrives until so many bytes are there.
std::string ReceiveAll(Bench& bench, const CompletionRecord& from, size_t bytes) {
  std::string received;
  while (received.size() < bytes) {
    SubmissionRecord& receive = bench.Prepare(40, Opcode::kReceive);
    bench.Use(receive, from);
    receive.buffer = 40;
    receive.length = 4096;
    const CompletionRecord completion = Complete(bench, 40);
    if (completion.result <= 0) break;
    received.append(reinterpret_cast<const char*>(bench.Buffer(40)), static_cast<size_t>(completion.result));
  }
  return received;
}

// A connection of the Unix domain, which has no zero-copy send.
struct UnixConnection {
  CompletionRecord client;
  CompletionRecord server;
  explicit UnixConnection(Bench& bench) {
    const std::string name = std::string(1, '\0') + "baton-test-" + std::to_string(getpid());
    const uint32_t words[3] = {kAddressFamilyUnix, static_cast<uint32_t>(name.size()), 0};
    for (const int32_t offset : {0, 512}) {
      std::memcpy(bench.Arena(offset), words, sizeof(words));
      std::memcpy(bench.Arena(offset) + kAddressBytesAt, name.data(), name.size());
    }
    SubmissionRecord& listen = bench.Prepare(1, Opcode::kListen);
    listen.arena_offset = 0;
    listen.argument1 = 1;
    const CompletionRecord listener = Complete(bench, 1);
    bench.Prepare(1, Opcode::kConnect).arena_offset = 512;
    bench.Use(bench.Prepare(2, Opcode::kAccept), listener);
    bench.Submit();
    BATON_CHECK(bench.WaitFor(2));
    client = *bench.Only(1);
    server = *bench.Only(2);
    BATON_CHECK(client.result >= 0 && server.result >= 0);
    bench.completions.clear();
    bench.NextGeneration(1);
    bench.NextGeneration(2);
  }
};

}  // namespace

// mutant: zero-copy-home-too-early
TEST("a send without a copy completes once, when the kernel has let go of the memory") {
  Bench bench({.zero_copy_min_bytes = 1000});
  const auto [client, server] = Connection(bench);
  std::memset(bench.Buffer(3), 'z', 4096);
  PrepareSend(bench, 5, client, 3, 4096);
  PrepareSend(bench, 6, client, 3, 999);
  bench.Submit();
  // Nobody has received it: on a loopback the receiving side holds the very pages.
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(5)->result == 4096 && bench.Only(5)->flags == 0 && bench.Only(6)->result == 999);
  EXPECT(bench.engine().in_flight() == 0);
  bench.completions.clear();
  EXPECT(ReceiveAll(bench, server, 5095) == std::string(5095, 'z'));
}

TEST("memory of a send without a copy that is freed in flight is kept until the notification") {
  Bench bench({.zero_copy_min_bytes = 1});
  const auto [client, server] = Connection(bench);
  for (uint32_t round = 0; round < 50; round++) {
    const uint32_t buffer = bench.engine().buffers().Allocate(4096, 1, {}).Take();
    std::memset(bench.Buffer(buffer), 'a' + static_cast<int>(round % 26), 4096);
    PrepareSend(bench, 5, client, buffer, 4096);
    bench.completions.clear();
    bench.Submit();
    bench.engine().buffers().Free(buffer);
    EXPECT(ReceiveAll(bench, server, 4096) == std::string(4096, static_cast<char>('a' + round % 26)));
    bench.NextGeneration(5);
    while (bench.engine().in_flight() > 0 && bench.WaitFor(bench.completions.size() + 1)) continue;
  }
  EXPECT(bench.engine().in_flight() == 0);
}

namespace {

constexpr uint32_t kMuchBytes = 32 << 20;

// Cancels the operation of a slot, and waits for both to complete.
CompletionRecord CancelSend(Bench& bench, uint32_t slot, uint32_t generation) {
  SubmissionRecord& cancel = bench.Prepare(41, Opcode::kCancel);
  cancel.argument0 = slot;
  cancel.argument1 = generation;
  bench.Submit();
  BATON_CHECK(bench.WaitFor(2));
  const CompletionRecord completion = *bench.Only(slot);
  bench.completions.clear();
  bench.NextGeneration(slot);
  bench.NextGeneration(41);
  return completion;
}

}  // namespace

// mutant: zero-copy-keeps-its-pages, zero-copy-waits-for-its-peer
TEST("a send without a copy that a peer does not read can be ended, and the buffer is the caller's again") {
  for (const bool registered : {false, true}) {
    Bench bench({.zero_copy_min_bytes = 1, .register_buffers = registered});
    const auto [client, server] = Connection(bench);
    // Once before the kernel has counted its bytes and once after it, when only the network has the memory.
    for (const bool counted : {false, true}) {
      const uint32_t buffer = bench.engine().buffers().Allocate(kMuchBytes, 1, {}).Take();
      std::memset(bench.Buffer(buffer), 'o', kMuchBytes);
      const uint32_t generation = PrepareSend(bench, 5, client, buffer, counted ? 1 << 20 : kMuchBytes).generation;
      bench.Submit();
      const CompletionRecord sent = CancelSend(bench, 5, generation);
      EXPECT(sent.result > 0 && sent.result < static_cast<int32_t>(kMuchBytes));
      EXPECT(bench.engine().in_flight() == 0);
      std::memset(bench.Buffer(buffer), 'n', kMuchBytes);
      EXPECT(ReceiveAll(bench, server, static_cast<size_t>(sent.result)) ==
             std::string(static_cast<size_t>(sent.result), 'o'));
      bench.engine().buffers().Free(buffer);
    }
    EXPECT(bench.engine().unknown_completions() == 0);
  }
}

// mutant: zero-copy-outlives-its-timeout
TEST("a send of which the kernel keeps the time is over when it has the bytes, whatever the peer reads") {
  Bench bench({.zero_copy_min_bytes = 1});
  const auto [client, server] = Connection(bench);
  const uint32_t buffer = bench.engine().buffers().Allocate(1 << 20, 1, {}).Take();
  for (int32_t sent = 1 << 20; sent == 1 << 20;) {
    SetTimeout(PrepareSend(bench, 5, client, buffer, 1 << 20, kSubmitTimeout), 20'000);
    sent = Complete(bench, 5).result;
    EXPECT(sent > 0 || sent == -ECANCELED);
  }
}

TEST("where a connection has no send without a copy, the bytes go the plain way, in a chain and with a timeout too") {
  Bench bench({.zero_copy_min_bytes = 1});
  const UnixConnection connection(bench);
  std::memcpy(bench.Buffer(3), "first", 5);
  PrepareSend(bench, 5, connection.client, 3, 5);
  EXPECT(Complete(bench, 5).result == 5);
  EXPECT(ReceiveAll(bench, connection.server, 5) == "first");
  // The second is not even tried.
  std::memcpy(bench.Buffer(3), "again", 5);
  PrepareSend(bench, 5, connection.client, 3, 5, kSubmitLink);
  bench.Prepare(6, Opcode::kNop);
  bench.Submit();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(5)->result == 5 && bench.Only(6)->result == 0);
  bench.completions.clear();
  EXPECT(ReceiveAll(bench, connection.server, 5) == "again");
}

TEST("with registered buffers, reads and writes reach the same bytes, and freed slabs give their entries back") {
  Scratch scratch;
  Bench bench({.register_buffers = true});
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
  auto& table = bench.engine().buffers();
  for (uint32_t round = 0; round < 3000; round++) {
    const uint32_t buffer = table.Allocate(4096, 2, {}).Take();
    EXPECT(table.Find(buffer)->slab->registration() >= 0);
    if (round < 20) {
      std::memset(bench.Buffer(buffer), static_cast<int>(round) + 1, 4096);
      SubmissionRecord& write = bench.Prepare(1, Opcode::kWrite);
      bench.Use(write, file);
      write.buffer = static_cast<int32_t>(buffer);
      write.length = 4096;
      SetPosition(write, 4096 * static_cast<int64_t>(round));
      EXPECT(Complete(bench, 1).result == 4096);
      SubmissionRecord& read = PrepareRead(bench, 1, file, buffer + 1, 4096 * static_cast<int64_t>(round));
      read.buffer_offset = 96;
      read.length = 4000;
      EXPECT(Complete(bench, 1).result == 4000);
      EXPECT(bench.Buffer(buffer + 1)[95] == 0 && bench.Buffer(buffer + 1)[96] == round + 1);
    }
    table.Free(buffer);
  }
}

TEST("registered memory that is freed in flight is the operation's until its completion") {
  Fifo fifo;
  Bench bench({.register_buffers = true});
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  const uint32_t buffer = bench.engine().buffers().Allocate(4096, 1, {}).Take();
  Slab* slab = bench.engine().buffers().Find(buffer)->slab;
  slab->Ref();
  PrepareRead(bench, 1, pipe, buffer, -1);
  bench.Submit();
  bench.engine().buffers().Free(buffer);
  const int writer = open(fifo.path.c_str(), O_WRONLY);
  EXPECT(write(writer, "late", 4) == 4);
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.Only(1)->result == 4 && std::memcmp(slab->buffer(0), "late", 4) == 0);
  slab->Unref();
  close(writer);
}

// mutant: one-stay-registered
TEST("a slab of its own for one large buffer is not registered, and works") {
  Scratch scratch;
  EXPECT(pwrite(scratch.fd, "bytes", 5, 0) == 5);
  Bench bench({.register_buffers = true});
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
  const uint32_t pooled = bench.engine().buffers().Allocate(1 << 20, 1, {}).Take();
  EXPECT(bench.engine().buffers().Find(pooled)->slab->registration() >= 0);
  const uint32_t large = bench.engine().buffers().Allocate((1 << 20) + 4096, 1, {}).Take();
  EXPECT(bench.engine().buffers().Find(large)->slab->registration() < 0);
  PrepareRead(bench, 1, file, large, 0);
  EXPECT(Complete(bench, 1).result == 5);
}

TEST("memory with guard pages is not registered, and works") {
  Scratch scratch;
  EXPECT(pwrite(scratch.fd, "bytes", 5, 0) == 5);
  Bench bench({.register_buffers = true});
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
  SlabOptions guarded;
  guarded.guard_pages = true;
  const uint32_t buffer = bench.engine().buffers().Allocate(4096, 1, guarded).Take();
  EXPECT(bench.engine().buffers().Find(buffer)->slab->registration() < 0);
  PrepareRead(bench, 1, file, buffer, 0);
  EXPECT(Complete(bench, 1).result == 5);
  // At rest it has no access, and the kernel is found out.
  bench.engine().buffers().Find(buffer)->slab->SetAccessible(0, false);
  PrepareRead(bench, 1, file, buffer, 0);
  EXPECT(Complete(bench, 1).result == -EFAULT);
  bench.engine().buffers().Find(buffer)->slab->SetAccessible(0, true);
}

TEST("a ring takes only what the engine uses") {
  Bench bench;
  EXPECT(bench.port().restricted());
  io_uring_sqe* sqe = bench.port().GetSqe();
  io_uring_prep_tee(sqe, 0, 1, 1, 0);
  sqe->user_data = UserData(0, 0, Tag::kInternal);
  sqe = bench.port().GetSqe();
  io_uring_prep_nop(sqe);
  sqe->flags |= IOSQE_IO_DRAIN;
  sqe->user_data = UserData(0, 0, Tag::kInternal);
  EXPECT(bench.port().Submit() == 2);
  io_uring_cqe* cqes[2];
  EXPECT(bench.port().Peek(cqes, 2) == 2);
  EXPECT(cqes[0]->res == -EACCES && cqes[1]->res == -EACCES);
  bench.port().Advance(2);
  int files[1] = {0};
  EXPECT(io_uring_register_files(bench.port().raw(), files, 1) == -EACCES);
  Bench free({.disabled_features = kFeatureRestrictions});
  EXPECT(!free.port().restricted());
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
