// Files, connections and records that several tests of the engine need.
#ifndef BATON_URING_TEST_SPECIMENS_H_
#define BATON_URING_TEST_SPECIMENS_H_

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "bench.h"

namespace baton::uring::test {

// A file that is removed with the test.
struct Scratch {
  char path[32] = "/tmp/baton-engine-XXXXXX";
  int fd;
  Scratch() : fd(mkstemp(path)) {}
  ~Scratch() {
    close(fd);
    unlink(path);
  }
};

// A directory that is removed with the test; the test removes what is in it.
struct ScratchDirectory {
  char path[32] = "/tmp/baton-engine-XXXXXX";
  ScratchDirectory() { BATON_CHECK(mkdtemp(path) != nullptr); }
  ~ScratchDirectory() { rmdir(path); }
  std::string operator/(const char* name) const { return std::string(path) + "/" + name; }
};

// A FIFO in a directory of its own: a file whose reads wait, opened for both directions.
struct Fifo {
  ScratchDirectory directory;
  std::string path = directory / "f";
  Fifo() { BATON_CHECK(mkfifo(path.c_str(), 0600) == 0); }
  ~Fifo() { unlink(path.c_str()); }
};

inline void SetPosition(SubmissionRecord& record, int64_t position) {
  record.position_low = static_cast<uint32_t>(position);
  record.position_high = static_cast<int32_t>(position >> 32);
}

inline void SetArgument(SubmissionRecord& record, int64_t value) {
  record.argument0 = static_cast<uint32_t>(value);
  record.argument1 = static_cast<uint32_t>(static_cast<uint64_t>(value) >> 32);
}

inline SubmissionRecord& PrepareRead(Bench& bench, uint32_t slot, const CompletionRecord& file, uint32_t buffer,
                                     int64_t position, uint32_t flags = 0) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kRead, flags);
  bench.Use(record, file);
  record.buffer = static_cast<int32_t>(buffer);
  record.length = 4096;
  SetPosition(record, position);
  return record;
}

// One operation by itself; its completion.
inline CompletionRecord Complete(Bench& bench, uint32_t slot) {
  bench.completions.clear();
  bench.Submit();
  BATON_CHECK(bench.WaitFor(1));
  const CompletionRecord completion = bench.completions.back();
  bench.completions.clear();
  bench.NextGeneration(slot);
  return completion;
}

inline void SetTimeout(SubmissionRecord& record, uint32_t microseconds) {
  record.second_handle_index = static_cast<int32_t>(microseconds);
}

// Two ends of a TCP connection, as handles of the engine.
struct Connection {
  CompletionRecord client;
  CompletionRecord server;

  explicit Connection(Bench& bench) {
    const uint32_t loopback[4] = {kAddressFamilyIpv4, 0, 0, 0x0100007f};
    std::memcpy(bench.Arena(0), loopback, sizeof(loopback));
    SubmissionRecord& listen = bench.Prepare(1, Opcode::kListen);
    listen.arena_offset = 0;
    listen.argument1 = 8;
    const CompletionRecord listener = Complete(bench, 1);
    BATON_CHECK(listener.result >= 0);
    bench.Prepare(1, Opcode::kConnect).arena_offset = 0;
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

// Writes one path, or two with a NUL behind each, to the arena and into the record.
inline void SetPath(Bench& bench, SubmissionRecord& record, int32_t offset, const std::string& path) {
  std::memcpy(bench.Arena(offset), path.c_str(), path.size() + 1);
  record.arena_offset = offset;
  record.length = static_cast<uint32_t>(path.size());
}
inline void SetPaths(Bench& bench, SubmissionRecord& record, int32_t offset, const std::string& first,
                     const std::string& second) {
  SetPath(bench, record, offset, first);
  std::memcpy(bench.Arena(offset) + first.size() + 1, second.c_str(), second.size() + 1);
  record.argument1 = static_cast<uint32_t>(second.size());
}

// Writes an entry of a vector.
inline void SetVector(Bench& bench, int32_t offset, uint32_t index, uint32_t buffer, uint32_t start, uint32_t length) {
  const uint32_t words[3] = {buffer, start, length};
  std::memcpy(bench.Arena(offset) + index * kVectorEntryBytes, words, sizeof(words));
}

inline uint32_t ArenaWord(Bench& bench, int32_t offset) {
  uint32_t word;
  std::memcpy(&word, bench.Arena(offset), sizeof(word));
  return word;
}

}  // namespace baton::uring::test

#endif  // BATON_URING_TEST_SPECIMENS_H_
