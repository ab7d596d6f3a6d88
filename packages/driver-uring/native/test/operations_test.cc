// Operations that are more than one buffer and one handle: vectors, messages, splices, paths, ranges and readiness.
// Each runs with all that the kernel has, and with every feature off that can be.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "bench.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

constexpr uint32_t kMasks[] = {0, UINT32_MAX};

CompletionRecord BindDatagram(Bench& bench, uint32_t slot, int32_t offset) {
  const uint32_t loopback[4] = {kAddressFamilyIpv4, 0, 0, 0x0100007f};
  std::memcpy(bench.Arena(offset), loopback, sizeof(loopback));
  bench.Prepare(slot, Opcode::kDatagram).arena_offset = offset;
  return Complete(bench, slot);
}

struct PipeHandles {
  CompletionRecord read{};
  CompletionRecord write{};
};

PipeHandles MakePipeHandles(Bench& bench, uint32_t slot, int32_t offset, uint32_t capacity) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kPipe);
  record.arena_offset = offset;
  record.length = capacity;
  BATON_CHECK(Complete(bench, slot).result == 0);
  PipeHandles handles;
  const auto word = [&](uint32_t index) { return ArenaWord(bench, offset + static_cast<int32_t>(index * 4)); };
  handles.read.result = static_cast<int32_t>(word(kPipeReadIndexWord));
  handles.read.flags = word(kPipeReadGenerationWord) << kAuxiliaryShift;
  handles.write.result = static_cast<int32_t>(word(kPipeWriteIndexWord));
  handles.write.flags = word(kPipeWriteGenerationWord) << kAuxiliaryShift;
  return handles;
}

}  // namespace

TEST("a vector is written and read, part by part, at a position") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    std::memcpy(bench.Buffer(0), "abcdef", 6);
    std::memcpy(bench.Buffer(1), "ghi", 3);
    SubmissionRecord& write = bench.Prepare(1, Opcode::kWritev);
    bench.Use(write, file);
    write.arena_offset = 256;
    write.vector_count = 2;
    SetPosition(write, 10);
    SetVector(bench, 256, 0, 0, 2, 4);
    SetVector(bench, 256, 1, 1, 0, 3);
    EXPECT(Complete(bench, 1).result == 7);
    SubmissionRecord& read = bench.Prepare(1, Opcode::kReadv);
    bench.Use(read, file);
    read.arena_offset = 256;
    read.vector_count = 3;
    SetPosition(read, 10);
    SetVector(bench, 256, 0, 2, 0, 1);
    SetVector(bench, 256, 1, 3, 100, 0);
    SetVector(bench, 256, 2, 3, 100, 50);
    EXPECT(Complete(bench, 1).result == 7);
    EXPECT(bench.Buffer(2)[0] == 'c' && std::memcmp(bench.Buffer(3) + 100, "defghi", 6) == 0);
    EXPECT(bench.Buffer(3)[106] == 0);
  }
}

TEST("a vector without entries moves nothing") {
  Scratch scratch;
  Bench bench;
  const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
  SubmissionRecord& read = bench.Prepare(1, Opcode::kReadv);
  bench.Use(read, file);
  read.arena_offset = 0;
  EXPECT(Complete(bench, 1).result == 0);
}

// mutant: vector-not-held
TEST("memory of a vector that is freed in flight is kept until the completion") {
  Fifo fifo;
  Bench bench;
  const CompletionRecord pipe = bench.Open(fifo.path, kOpenRead | kOpenWrite);
  const uint32_t first = bench.engine().buffers().Allocate(4096, 1, {}).Take();
  const uint32_t second = bench.engine().buffers().Allocate(4096, 1, {}).Take();
  SubmissionRecord& read = bench.Prepare(1, Opcode::kReadv);
  bench.Use(read, pipe);
  read.arena_offset = 0;
  read.vector_count = 2;
  SetPosition(read, -1);
  SetVector(bench, 0, 0, first, 0, 1);
  SetVector(bench, 0, 1, second, 0, 1);
  bench.Submit();
  EXPECT(bench.engine().quarantined_bytes() == 2);
  bench.engine().buffers().Free(first);
  bench.engine().buffers().Free(second);
  const int writer = open(fifo.path.c_str(), O_WRONLY);
  EXPECT(write(writer, "xy", 2) == 2);
  EXPECT(bench.WaitFor(1));
  // Memory that is gone would be -EFAULT, or a short read.
  EXPECT(bench.Only(1)->result == 2);
  close(writer);
}

TEST("a datagram is sent to an address, and received with the sender's and with what became of it") {
  Bench bench;
  const CompletionRecord one = BindDatagram(bench, 1, 0);
  const CompletionRecord two = BindDatagram(bench, 1, 1024);
  EXPECT(one.result >= 0 && two.result >= 0);
  const uint32_t port_of_one = ArenaWord(bench, 4);
  const auto at = static_cast<int32_t>(kMessageVectorAt);
  std::memcpy(bench.Buffer(0), "datagram", 8);
  SubmissionRecord& send = bench.Prepare(1, Opcode::kSendMessage);
  bench.Use(send, one);
  send.arena_offset = 1024;
  send.vector_count = 1;
  SetVector(bench, 1024 + at, 0, 0, 0, 8);
  EXPECT(Complete(bench, 1).result == 8);
  SubmissionRecord& receive = bench.Prepare(1, Opcode::kReceiveMessage);
  bench.Use(receive, two);
  receive.arena_offset = 2048;
  receive.vector_count = 1;
  SetVector(bench, 2048 + at, 0, 1, 0, 5);
  EXPECT(Complete(bench, 1).result == 5);
  EXPECT(std::memcmp(bench.Buffer(1), "datag", 5) == 0 && bench.Buffer(1)[5] == 0);
  EXPECT(ArenaWord(bench, 2048) == kAddressFamilyIpv4 && ArenaWord(bench, 2052) == port_of_one);
  EXPECT(ArenaWord(bench, 2048 + static_cast<int32_t>(kMessageFlagsAt)) == kMessageTruncated);
}

TEST("a message to an address that there is not is refused, and the engine goes on") {
  Bench bench;
  const CompletionRecord socket = BindDatagram(bench, 1, 0);
  const uint32_t family = 77;
  std::memcpy(bench.Arena(1024), &family, sizeof(family));
  SubmissionRecord& send = bench.Prepare(1, Opcode::kSendMessage);
  bench.Use(send, socket);
  send.arena_offset = 1024;
  EXPECT(Complete(bench, 1).result == -EAFNOSUPPORT);
  bench.Prepare(1, Opcode::kNop);
  EXPECT(Complete(bench, 1).result == 0);
}

TEST("bytes go from a file to a file through a pipe, without a buffer") {
  Scratch from;
  Scratch to;
  EXPECT(pwrite(from.fd, "0123456789", 10, 0) == 10);
  Bench bench;
  const CompletionRecord source = bench.Open(from.path, kOpenRead);
  const CompletionRecord target = bench.Open(to.path, kOpenWrite);
  const PipeHandles pipe = MakePipeHandles(bench, 1, 0, 65536);
  SubmissionRecord& in = bench.Prepare(1, Opcode::kSplice);
  bench.Use(in, source);
  in.second_handle_index = pipe.write.result;
  in.second_handle_generation = pipe.write.flags >> kAuxiliaryShift;
  in.length = 65536;
  SetPosition(in, 4);
  SetArgument(in, -1);
  EXPECT(Complete(bench, 1).result == 6);
  SubmissionRecord& out = bench.Prepare(1, Opcode::kSplice);
  bench.Use(out, pipe.read);
  out.second_handle_index = target.result;
  out.second_handle_generation = target.flags >> kAuxiliaryShift;
  out.length = 6;
  SetPosition(out, -1);
  SetArgument(out, 2);
  EXPECT(Complete(bench, 1).result == 6);
  char bytes[9] = {};
  EXPECT(pread(to.fd, bytes, 8, 0) == 8 && std::memcmp(bytes, "\0\000456789", 8) == 0);
}

TEST("a splice with a handle of another generation is EBADF, and switched off it is EOPNOTSUPP") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead);
    const PipeHandles pipe = MakePipeHandles(bench, 1, 0, 0);
    SubmissionRecord& splice = bench.Prepare(1, Opcode::kSplice);
    bench.Use(splice, file);
    splice.second_handle_index = pipe.write.result;
    splice.second_handle_generation = (pipe.write.flags >> kAuxiliaryShift) + 1;
    splice.length = 1;
    EXPECT(Complete(bench, 1).result == (mask == 0 ? -EBADF : -EOPNOTSUPP));
  }
}

// mutant: splice-closes-at-once
TEST("a handle that a splice still needs is closed when the splice has ended, and not before") {
  Scratch from;
  Bench bench;
  const CompletionRecord target = bench.Open(from.path, kOpenWrite);
  const PipeHandles pipe = MakePipeHandles(bench, 1, 0, 0);
  SubmissionRecord& splice = bench.Prepare(1, Opcode::kSplice);
  bench.Use(splice, pipe.read);
  splice.second_handle_index = target.result;
  splice.second_handle_generation = target.flags >> kAuxiliaryShift;
  splice.length = 10;
  SetPosition(splice, -1);
  SetArgument(splice, 0);
  bench.Use(bench.Prepare(2, Opcode::kClose), target);
  bench.Submit();
  EXPECT(bench.Only(2) == nullptr);
  bench.Use(bench.Prepare(3, Opcode::kFsync), target);
  bench.Submit();
  EXPECT(bench.Only(3)->result == -EBADF);
  std::memcpy(bench.Buffer(0), "into", 4);
  SubmissionRecord& write = bench.Prepare(4, Opcode::kWrite);
  bench.Use(write, pipe.write);
  write.buffer = 0;
  write.length = 4;
  SetPosition(write, -1);
  bench.Submit();
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(1)->result == 4 && bench.Only(2)->result == 0 && bench.Only(4)->result == 4);
}

// mutant: internal-errno-told
TEST("an errno that is the kernel's own becomes one that a program can know") {
  Bench bench;
  for (const int own : {-512, -513, -514, -516}) {
    bench.port().ReplaceResults({own});
    bench.Prepare(1, Opcode::kNop);
    EXPECT(Complete(bench, 1).result == -EINTR);
  }
  bench.port().ReplaceResults({-133});
  bench.Prepare(1, Opcode::kNop);
  EXPECT(Complete(bench, 1).result == -133);
}

TEST("names are made, moved and removed, by the ring and without it") {
  for (const uint32_t mask : kMasks) {
    ScratchDirectory directory;
    Bench bench({.disabled_features = mask});
    const auto one = [&](Opcode opcode, const char* first, const char* second, uint32_t argument0) {
      SubmissionRecord& record = bench.Prepare(1, opcode);
      record.argument0 = argument0;
      if (second == nullptr) {
        SetPath(bench, record, 512, directory / first);
        if (opcode == Opcode::kMkdir) record.argument1 = 0700;
      } else {
        SetPaths(bench, record, 512, directory / first, directory / second);
      }
      return Complete(bench, 1).result;
    };
    EXPECT(one(Opcode::kMkdir, "a", nullptr, 0) == 0);
    EXPECT(one(Opcode::kMkdir, "a", nullptr, 0) == -EEXIST);
    EXPECT(one(Opcode::kSymlink, "a", "b", 0) == 0);
    EXPECT(one(Opcode::kRename, "b", "a", 1) == -EEXIST);
    EXPECT(one(Opcode::kHardlink, "b", "c", 0) == 0);
    EXPECT(one(Opcode::kRename, "c", "d", 0) == 0);
    EXPECT(one(Opcode::kUnlink, "c", nullptr, 0) == -ENOENT);
    EXPECT(one(Opcode::kUnlink, "a", nullptr, 0) == -EISDIR);
    EXPECT(one(Opcode::kUnlink, "a", nullptr, 1) == 0);
    EXPECT(one(Opcode::kUnlink, "b", nullptr, 0) == 0 && one(Opcode::kUnlink, "d", nullptr, 0) == 0);
  }
}

TEST("a path that is empty or too long is refused as the system refuses it") {
  Bench bench;
  SubmissionRecord& empty = bench.Prepare(1, Opcode::kUnlink);
  SetPath(bench, empty, 0, "");
  EXPECT(Complete(bench, 1).result == -ENOENT);
  SubmissionRecord& lengthy = bench.Prepare(1, Opcode::kMkdir);
  SetPath(bench, lengthy, 0, std::string(5000, 'x'));
  EXPECT(Complete(bench, 1).result == -ENAMETOOLONG);
}

TEST("space is reserved, given back and zeroed, and advice is taken") {
  for (const uint32_t mask : kMasks) {
    Scratch scratch;
    Bench bench({.disabled_features = mask});
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    const auto one = [&](Opcode opcode, uint32_t kind, int64_t position, int64_t bytes) {
      SubmissionRecord& record = bench.Prepare(1, opcode);
      bench.Use(record, file);
      record.buffer_offset = kind;
      SetPosition(record, position);
      SetArgument(record, bytes);
      return Complete(bench, 1).result;
    };
    EXPECT(one(Opcode::kAllocate, kAllocateKeepSize, 0, 8192) == 0 && lseek(scratch.fd, 0, SEEK_END) == 0);
    EXPECT(one(Opcode::kAllocate, 0, 4096, 4096) == 0 && lseek(scratch.fd, 0, SEEK_END) == 8192);
    EXPECT(one(Opcode::kAllocate, kAllocatePunchHole, 0, 4096) == 0);
    EXPECT(one(Opcode::kAdvise, kAdviceSequential, 0, 0) == 0);
    // Longer than 32 bits.
    EXPECT(one(Opcode::kAdvise, kAdviceWillNeed, 0, int64_t{1} << 33) == 0);
    EXPECT(one(Opcode::kAdvise, 99, 0, 0) == -EINVAL);
  }
}

TEST("poll tells readiness in Baton's bits, and a hang-up though nobody asked for it") {
  Bench bench;
  const auto [client, server] = Connection(bench);
  SubmissionRecord& writable = bench.Prepare(3, Opcode::kPoll);
  bench.Use(writable, client);
  writable.argument0 = kPollWritable;
  EXPECT(Complete(bench, 3).result == static_cast<int32_t>(kPollWritable));
  SubmissionRecord& readable = bench.Prepare(3, Opcode::kPoll);
  bench.Use(readable, server);
  readable.argument0 = kPollReadable;
  bench.Submit();
  EXPECT(bench.completions.empty());
  SubmissionRecord& shutdown = bench.Prepare(4, Opcode::kShutdown);
  bench.Use(shutdown, client);
  shutdown.argument0 = 1;
  bench.Submit();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(3)->result == static_cast<int32_t>(kPollReadable));
}

TEST("one receive brings bytes again and again, into the part of a buffer that was granted, until there is none") {
  Bench bench;
  const auto [client, server] = Connection(bench);
  auto& shared = bench.engine().shared();
  auto* provided = reinterpret_cast<uint32_t*>(shared.provided_block.data);
  provided[0] = 10;
  provided[1] = 11;
  shared.control(kControlProvidedCount) = 2;
  shared.control(kControlProvidedBytes) = 3;
  SubmissionRecord& receive = bench.Prepare(3, Opcode::kReceive, kSubmitMultishot | kSubmitProvidedBuffer);
  bench.Use(receive, server);
  SubmissionRecord& send = bench.Prepare(4, Opcode::kSend);
  bench.Use(send, client);
  send.buffer = 0;
  send.length = 7;
  std::memcpy(bench.Buffer(0), "abcdefg", 7);
  bench.Submit();
  EXPECT(bench.WaitFor(4));
  std::string received;
  int32_t last = 0;
  for (const CompletionRecord& completion : bench.completions) {
    if (completion.slot != 3) continue;
    last = completion.result;
    if (completion.result <= 0) {
      EXPECT(completion.flags == 0);
      continue;
    }
    EXPECT((completion.flags & 0xff) == (kCompletionMore | kCompletionProvidedBuffer));
    const uint8_t* bytes = bench.Buffer(completion.flags >> kAuxiliaryShift);
    received.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(completion.result));
    EXPECT(bytes[3] == 0);
  }
  EXPECT(received == "abcdef" && last == -ENOBUFS);
}

TEST("a multishot receive that is switched off is refused") {
  Bench bench({.disabled_features = kFeatureMultishotReceive});
  const auto [client, server] = Connection(bench);
  bench.Use(bench.Prepare(3, Opcode::kReceive, kSubmitMultishot | kSubmitProvidedBuffer), server);
  EXPECT(Complete(bench, 3).result == -EOPNOTSUPP);
  EXPECT(client.result >= 0);
}

TEST("everything that waits is ended by a shutdown, whatever memory it has") {
  for (const uint32_t mask : kMasks) {
    Bench bench({.disabled_features = mask});
    const auto [client, server] = Connection(bench);
    const CompletionRecord socket = BindDatagram(bench, 1, 0);
    SubmissionRecord& message = bench.Prepare(3, Opcode::kReceiveMessage);
    bench.Use(message, socket);
    message.arena_offset = 2048;
    message.vector_count = 1;
    SetVector(bench, 2048 + static_cast<int32_t>(kMessageVectorAt), 0, 1, 0, 100);
    SubmissionRecord& poll = bench.Prepare(4, Opcode::kPoll);
    bench.Use(poll, server);
    poll.argument0 = kPollReadable;
    const PipeHandles pipe = MakePipeHandles(bench, 5, 0, 0);
    if (mask == 0) {
      SubmissionRecord& splice = bench.Prepare(5, Opcode::kSplice);
      bench.Use(splice, pipe.read);
      splice.second_handle_index = client.result;
      splice.second_handle_generation = client.flags >> kAuxiliaryShift;
      splice.length = 10;
      SetPosition(splice, -1);
      SetArgument(splice, -1);
    }
    bench.Submit();
    EXPECT(bench.engine().in_flight() > 0);
    EXPECT(bench.engine().Shutdown(2000) == 0);
  }
}

// mutant: uring-writes-at-no-place
TEST("a file that cannot be written at a position says so, as pwrite(2) does, and takes what is written at its own") {
  Bench bench;
  const CompletionRecord file = bench.Open("/proc/self/comm", kOpenRead | kOpenWrite);
  std::memcpy(bench.Buffer(0), "name", 4);
  const auto write = [&](uint32_t slot, int64_t position) {
    SubmissionRecord& record = bench.Prepare(slot, Opcode::kWrite);
    bench.Use(record, file);
    record.buffer = 0;
    record.length = 4;
    SetPosition(record, position);
    return Complete(bench, slot).result;
  };
  EXPECT(write(1, 0) == -ESPIPE && write(2, 4096) == -ESPIPE && write(3, -1) == 4);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
