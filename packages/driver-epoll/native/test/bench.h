// The epoll engine on a table, with files, sockets and pipes to work on.
#ifndef BATON_EPOLL_TEST_BENCH_H_
#define BATON_EPOLL_TEST_BENCH_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine.h"
#include "engine_bench.h"
#include "harness.h"

namespace baton::epoll::test {

struct BenchOptions {
  uint32_t threads_max = 4;
  uint32_t slots = 4096;
  uint32_t completion_batch_max = 1024;
};

inline std::unique_ptr<Engine> MakeEngine(const BenchOptions& options) {
  // As every runtime does: a pipe without a reader is an errno.
  (void)std::signal(SIGPIPE, SIG_IGN);
  auto shared = SharedMemory::Create({options.slots, 1024, options.completion_batch_max, baton::test::kArenaBytes});
  BATON_CHECK(shared.ok());
  EngineOptions engine_options;
  engine_options.threads_max = options.threads_max;
  auto engine = Engine::Create(shared.Take(), engine_options);
  BATON_CHECK(engine.ok());
  return engine.Take();
}

// A directory that is removed with the test, and what is in it.
struct Scratch {
  char path[32] = "/tmp/baton-epoll-XXXXXX";
  Scratch() { BATON_CHECK(mkdtemp(path) != nullptr); }
  ~Scratch() {
    const std::string command = std::string("rm -rf ") + path;
    (void)!std::system(command.c_str());
  }
  std::string operator/(const char* name) const { return std::string(path) + "/" + name; }
  // A file with content, and its path.
  std::string Write(const char* name, const std::string& content) const {
    const std::string file = *this / name;
    const int fd = open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    BATON_CHECK(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    close(fd);
    return file;
  }
};

inline std::string Content(const std::string& path) {
  std::string content(65536, '\0');
  const int fd = open(path.c_str(), O_RDONLY);
  const ssize_t bytes = fd < 0 ? 0 : read(fd, content.data(), content.size());
  if (fd >= 0) close(fd);
  content.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
  return content;
}

// The next descriptor that the process would get, which tells whether one has leaked.
inline int NextFd() {
  const int fd = dup(0);
  close(fd);
  return fd;
}

class Bench : public baton::test::EngineBench<Engine> {
 public:
  struct Handle {
    int32_t index;
    uint32_t generation;
  };
  struct Pair {
    Handle near;
    Handle far;
  };

  explicit Bench(const BenchOptions& options = {}) : EngineBench(MakeEngine(options)) {}
  ~Bench() { (void)engine().Shutdown(5000); }

  // --- records ----------------------------------------------------------------------------------------------------

  SubmissionRecord& On(uint32_t slot, Opcode opcode, Handle handle, uint32_t flags = 0) {
    SubmissionRecord& record = Prepare(slot, opcode, flags);
    record.handle_index = handle.index;
    record.handle_generation = handle.generation;
    return record;
  }

  // A transfer of the first bytes of a buffer.
  SubmissionRecord& Move(uint32_t slot, Opcode opcode, Handle handle, uint32_t buffer, uint32_t length,
                         int64_t position = 0, uint32_t flags = 0) {
    SubmissionRecord& record = On(slot, opcode, handle, flags);
    record.buffer = static_cast<int32_t>(buffer);
    record.length = length;
    if (opcode == Opcode::kRead || opcode == Opcode::kWrite) SetPosition(record, position);
    return record;
  }

  static void SetPosition(SubmissionRecord& record, int64_t position) {
    record.position_low = static_cast<uint32_t>(position);
    record.position_high = static_cast<int32_t>(position >> 32);
  }
  static void SetArgument(SubmissionRecord& record, int64_t argument) {
    record.argument0 = static_cast<uint32_t>(argument);
    record.argument1 = static_cast<uint32_t>(argument >> 32);
  }

  // An arena area of its own for each slot.
  int32_t AreaOf(uint32_t slot) const { return static_cast<int32_t>(slot % 64 * 1024); }

  void SetPaths(uint32_t slot, SubmissionRecord& record, const std::string& first, const std::string& second = "") {
    record.arena_offset = AreaOf(slot);
    uint8_t* area = Arena(record.arena_offset);
    std::memcpy(area, first.c_str(), first.size() + 1);
    std::memcpy(area + first.size() + 1, second.c_str(), second.size() + 1);
    record.length = static_cast<uint32_t>(first.size());
    record.argument1 = static_cast<uint32_t>(second.size());
  }

  struct Part {
    uint32_t buffer;
    uint32_t offset;
    uint32_t length;
  };
  void SetVector(uint32_t slot, SubmissionRecord& record, const std::vector<Part>& parts, size_t at = 0) {
    record.arena_offset = AreaOf(slot);
    record.vector_count = static_cast<uint32_t>(parts.size());
    std::memcpy(Arena(record.arena_offset) + at, parts.data(), parts.size() * sizeof(Part));
  }

  void SetLoopback(uint32_t slot, SubmissionRecord& record, uint32_t port) {
    record.arena_offset = AreaOf(slot);
    const uint32_t words[4] = {kAddressFamilyIpv4, port, 0, 0x0100007f};
    std::memcpy(Arena(record.arena_offset), words, sizeof(words));
  }
  void SetUnix(uint32_t slot, SubmissionRecord& record, const std::string& path) {
    record.arena_offset = AreaOf(slot);
    const uint32_t words[3] = {kAddressFamilyUnix, static_cast<uint32_t>(path.size()), 0};
    std::memcpy(Arena(record.arena_offset), words, sizeof(words));
    std::memcpy(Arena(record.arena_offset) + kAddressBytesAt, path.data(), path.size());
  }

  void CancelSlot(uint32_t slot, uint32_t target, uint32_t generation = 1) {
    SubmissionRecord& record = Prepare(slot, Opcode::kCancel);
    record.argument0 = target;
    record.argument1 = generation;
  }

  void Fill(uint32_t buffer, const std::string& bytes) { std::memcpy(Buffer(buffer), bytes.data(), bytes.size()); }
  std::string Bytes(uint32_t buffer, size_t length) {
    return std::string(reinterpret_cast<const char*>(Buffer(buffer)), length);
  }
  void Provide(const std::vector<uint32_t>& numbers, uint32_t bytes = 4096) {
    std::memcpy(engine().shared().provided_block.data, numbers.data(), numbers.size() * sizeof(uint32_t));
    engine().shared().control(kControlProvidedCount) = static_cast<uint32_t>(numbers.size());
    engine().shared().control(kControlProvidedBytes) = bytes;
  }

  // --- results ----------------------------------------------------------------------------------------------------

  // Submits, and waits until so many completions are there.
  bool Run(size_t count) {
    Submit();
    return completions.size() >= count || WaitFor(count);
  }
  // The result of a slot that has completed once; a value that no operation has when it has not.
  int32_t ResultOf(uint32_t slot) const {
    const CompletionRecord* only = Only(slot);
    return only == nullptr ? INT32_MIN : only->result;
  }
  std::vector<uint32_t> Order() const {
    std::vector<uint32_t> slots;
    for (const CompletionRecord& record : completions) slots.push_back(record.slot);
    return slots;
  }
  static Handle HandleOf(const CompletionRecord& completion) {
    return {completion.result, completion.flags >> kAuxiliaryShift};
  }
  // What is ready within a moment, without waiting for anything to come.
  void Settle() {
    pollfd descriptor{engine().pollable_fd(), POLLIN, 0};
    while (::poll(&descriptor, 1, 20) > 0) {
      const size_t before = completions.size();
      (void)WaitFor(before + 1);
      if (completions.size() == before) return;
    }
  }

  // --- handles ----------------------------------------------------------------------------------------------------

  Handle OpenFile(const std::string& path, uint32_t flags) { return HandleOf(Open(path, flags, kHelperSlot)); }

  Handle Listener(uint32_t* port, int backlog = 64) {
    SubmissionRecord& listen = Prepare(kHelperSlot, Opcode::kListen);
    SetLoopback(kHelperSlot, listen, 0);
    listen.argument1 = static_cast<uint32_t>(backlog);
    const Handle handle = HandleOf(Ask(kHelperSlot));
    std::memcpy(port, Arena(AreaOf(kHelperSlot)) + kAddressPortOrLengthWord * sizeof(uint32_t), sizeof(*port));
    return handle;
  }
  // Two ends of a TCP connection.
  Pair Connection() {
    uint32_t port;
    const Handle listener = Listener(&port);
    SubmissionRecord& connect = Prepare(kHelperSlot, Opcode::kConnect);
    SetLoopback(kHelperSlot, connect, port);
    const Handle near = HandleOf(Ask(kHelperSlot));
    On(kHelperSlot, Opcode::kAccept, listener);
    const Handle far = HandleOf(Ask(kHelperSlot));
    CloseHandle(listener);
    return {near, far};
  }
  // The reading end is `near`.
  Pair Pipe(uint32_t capacity = 0) {
    SubmissionRecord& pipe = Prepare(kHelperSlot, Opcode::kPipe);
    pipe.arena_offset = AreaOf(kHelperSlot);
    pipe.length = capacity;
    BATON_CHECK(Ask(kHelperSlot).result == 0);
    uint32_t words[4];
    std::memcpy(words, Arena(AreaOf(kHelperSlot)), sizeof(words));
    return {{static_cast<int32_t>(words[0]), words[1]}, {static_cast<int32_t>(words[2]), words[3]}};
  }
  void CloseHandle(Handle handle) {
    On(kHelperSlot, Opcode::kClose, handle);
    BATON_CHECK(Ask(kHelperSlot).result == 0);
  }
  // Runs what is prepared, waits for the completion of a slot and takes it; those of others stay.
  CompletionRecord Ask(uint32_t slot) {
    Submit();
    for (;;) {
      const auto found = std::ranges::find(completions, slot, &CompletionRecord::slot);
      if (found != completions.end()) {
        const CompletionRecord answer = *found;
        completions.erase(found);
        NextGeneration(slot);
        return answer;
      }
      BATON_CHECK(WaitFor(completions.size() + 1));
    }
  }

  static constexpr uint32_t kHelperSlot = 4000;
};

}  // namespace baton::epoll::test

#endif  // BATON_EPOLL_TEST_BENCH_H_
