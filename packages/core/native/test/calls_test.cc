// What the engines share of vectors, messages, pipes and calls on files: from the arena to the system and back.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "baton/file_calls.gen.h"
#include "baton/message.h"
#include "baton/pipe.h"
#include "baton/poll_events.h"
#include "baton/socket_calls.h"
#include "baton/vector.h"
#include "harness.h"

using namespace baton;

namespace {

// An area with an address and a vector behind its message.
struct MessageArea {
  uint8_t bytes[kMessageVectorAt + 8 * kVectorEntryBytes] = {};

  void SetVector(uint32_t index, uint32_t buffer, uint32_t offset, uint32_t length) {
    const uint32_t words[3] = {buffer, offset, length};
    std::memcpy(bytes + kMessageVectorAt + index * kVectorEntryBytes, words, sizeof(words));
  }
  void SetLoopback(uint32_t port) {
    const uint32_t words[4] = {kAddressFamilyIpv4, port, 0, 0x0100007f};
    std::memcpy(bytes, words, sizeof(words));
  }
  uint32_t word(size_t at) const {
    uint32_t value;
    std::memcpy(&value, bytes + at, sizeof(value));
    return value;
  }
};

struct ScratchDirectory {
  char path[32] = "/tmp/baton-calls-XXXXXX";
  ScratchDirectory() { BATON_CHECK(mkdtemp(path) != nullptr); }
  ~ScratchDirectory() { rmdir(path); }
  std::string operator/(const char* name) const { return std::string(path) + "/" + name; }
};

}  // namespace

TEST("a vector holds the memory of every slab in it, and lets go of it when it is cleared") {
  BufferTable table;
  const uint32_t first = table.Allocate(4096, 2, {}).Take();
  const uint32_t other = table.Allocate(4096, 1, {}).Take();
  uint8_t area[3 * kVectorEntryBytes];
  const uint32_t entries[3][3] = {{first, 0, 10}, {first + 1, 4000, 96}, {other, 1, 0}};
  std::memcpy(area, entries, sizeof(entries));
  BufferVector vector;
  vector.Take(area, 3, table);
  EXPECT(vector.count() == 3 && vector.bytes() == 106);
  EXPECT(vector.entries()[1].iov_base == table.Find(first + 1)->data + 4000 && vector.entries()[1].iov_len == 96);
  auto* bytes = static_cast<volatile uint8_t*>(vector.entries()[2].iov_base);
  table.Free(first);
  table.Free(other);
  // Would be a fault if the slab were gone.
  EXPECT(*bytes == 0);
  vector.Clear();
  EXPECT(vector.count() == 0 && vector.bytes() == 0);
}

TEST("a datagram comes with its sender's address, and one that was cut says so") {
  BufferTable table;
  const uint32_t buffers = table.Allocate(4096, 2, {}).Take();
  MessageArea bound;
  bound.SetLoopback(0);
  auto receiver = Datagram(bound.bytes, 0, 0);
  MessageArea source;
  source.SetLoopback(0);
  auto sender = Datagram(source.bytes, kSocketOptionBroadcast, 0);
  EXPECT(receiver.ok() && sender.ok() && bound.word(4) != 0);

  MessageArea send;
  send.SetLoopback(bound.word(4));
  std::memcpy(table.Find(buffers)->data, "datagram", 8);
  send.SetVector(0, buffers, 0, 4);
  send.SetVector(1, buffers, 4, 4);
  Message message;
  EXPECT(message.PrepareSend(send.bytes, 2, table) == 0);
  EXPECT(sendmsg(sender.value().get(), message.header(), 0) == 8);
  message.Clear();

  MessageArea answer;
  answer.SetVector(0, buffers + 1, 0, 5);
  message.PrepareReceive(answer.bytes, 1, table);
  EXPECT(recvmsg(receiver.value().get(), message.header(), 0) == 5);
  message.WriteAnswer(answer.bytes);
  message.Clear();
  EXPECT(std::memcmp(table.Find(buffers + 1)->data, "datag", 5) == 0);
  EXPECT(answer.word(0) == kAddressFamilyIpv4 && answer.word(4) == source.word(4));
  EXPECT(answer.word(kMessageFlagsAt) == kMessageTruncated);
}

TEST("a message with an address that there is not takes nothing") {
  BufferTable table;
  MessageArea send;
  const uint32_t family = 99;
  std::memcpy(send.bytes, &family, sizeof(family));
  Message message;
  EXPECT(message.PrepareSend(send.bytes, 1, table) == -EAFNOSUPPORT);
}

TEST("a datagram socket takes no port that another has, unless both share it") {
  MessageArea first;
  first.SetLoopback(0);
  auto one = Datagram(first.bytes, 0, 0);
  EXPECT(one.ok());
  MessageArea second;
  second.SetLoopback(first.word(4));
  EXPECT(Datagram(second.bytes, 0, 0).error() == -EADDRINUSE);

  MessageArea third;
  third.SetLoopback(0);
  auto shared = Datagram(third.bytes, kSocketOptionReusePort, 0);
  MessageArea fourth;
  fourth.SetLoopback(third.word(4));
  EXPECT(shared.ok() && Datagram(fourth.bytes, kSocketOptionReusePort, 0).ok());
}

TEST("a pipe has the capacity asked for, or the most the system grants") {
  auto plain = MakePipe(0, O_NONBLOCK);
  EXPECT(plain.ok() && fcntl(plain.value().read.get(), F_GETPIPE_SZ) == 65536);
  EXPECT((fcntl(plain.value().read.get(), F_GETFL) & O_NONBLOCK) != 0);
  EXPECT((fcntl(plain.value().write.get(), F_GETFD) & FD_CLOEXEC) != 0);
  auto large = MakePipe(200'000, 0);
  EXPECT(large.ok() && fcntl(large.value().read.get(), F_GETPIPE_SZ) == 262'144);
  auto small = MakePipe(1, 0);
  EXPECT(small.ok() && fcntl(small.value().read.get(), F_GETPIPE_SZ) == 4096);
  auto huge = MakePipe(UINT32_MAX, 0);
  EXPECT(huge.ok() && fcntl(huge.value().read.get(), F_GETPIPE_SZ) >= 65536);
}

namespace {
int64_t Call(Opcode opcode, const std::string& first, const std::string& second, uint32_t argument0,
             uint32_t argument1) {
  SubmissionRecord record{};
  record.argument0 = argument0;
  record.argument1 = argument1;
  return MakeFileCall(opcode, record, -1, first.c_str(), second.c_str());
}

int64_t CallOn(int fd, Opcode opcode, uint32_t mode, int64_t bytes) {
  SubmissionRecord record{};
  record.buffer_offset = mode;
  record.argument0 = static_cast<uint32_t>(bytes);
  return MakeFileCall(opcode, record, fd, "", "");
}
}  // namespace

TEST("names are made, moved without replacing, and removed") {
  ScratchDirectory directory;
  const std::string a = directory / "a";
  const std::string b = directory / "b";
  const std::string c = directory / "c";
  EXPECT(Call(Opcode::kMkdir, a, "", 0, 0700) == 0 && Call(Opcode::kMkdir, a, "", 0, 0700) == -EEXIST);
  EXPECT(Call(Opcode::kSymlink, "nowhere", b, 0, 0) == 0);
  EXPECT(Call(Opcode::kRename, a, b, 1, 0) == -EEXIST);
  EXPECT(Call(Opcode::kHardlink, b, c, 0, 0) == 0);
  EXPECT(Call(Opcode::kUnlink, a, "", 0, 0) == -EISDIR);
  EXPECT(Call(Opcode::kUnlink, a, "", 1, 0) == 0);
  EXPECT(Call(Opcode::kRename, b, a, 0, 0) == 0);
  EXPECT(Call(Opcode::kUnlink, c, "", 0, 0) == 0 && Call(Opcode::kUnlink, a, "", 0, 0) == 0);
  EXPECT(Call(Opcode::kRead, a, "", 0, 0) == -EINVAL);
}

TEST("space is reserved without growing the file, zeroed and given back") {
  ScratchDirectory directory;
  const std::string path = directory / "file";
  const UniqueFd fd(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  unlink(path.c_str());
  EXPECT(CallOn(fd.get(), Opcode::kAllocate, kAllocateKeepSize, 8192) == 0 && lseek(fd.get(), 0, SEEK_END) == 0);
  EXPECT(CallOn(fd.get(), Opcode::kAllocate, 0, 8192) == 0 && lseek(fd.get(), 0, SEEK_END) == 8192);
  EXPECT(pwrite(fd.get(), "x", 1, 0) == 1);
  EXPECT(CallOn(fd.get(), Opcode::kAllocate, kAllocatePunchHole, 4096) == 0);
  char byte = 'y';
  EXPECT(pread(fd.get(), &byte, 1, 0) == 1 && byte == 0);
  EXPECT(CallOn(fd.get(), Opcode::kAdvise, kAdviceWillNeed, 0) == 0 &&
         CallOn(fd.get(), Opcode::kAdvise, 99, 0) == -EINVAL);
}

TEST("the bits of poll are the system's events and back") {
  EXPECT(SystemPollEvents(kPollReadable | kPollWritable) == (POLLIN | POLLOUT));
  EXPECT(SystemPollEvents(kPollError | kPollHangUp) == 0);
  EXPECT(PollBits(POLLIN | POLLHUP | POLLRDHUP) == (kPollReadable | kPollHangUp));
  EXPECT(PollBits(POLLOUT | POLLERR) == (kPollWritable | kPollError));
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
