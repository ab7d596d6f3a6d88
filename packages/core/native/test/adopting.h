// What every engine does with a descriptor that the program brings along, whatever mode it is in.
#ifndef BATON_TEST_ADOPTING_H_
#define BATON_TEST_ADOPTING_H_

#include <fcntl.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "baton/check.h"
#include "baton/opcode.gen.h"
#include "baton/unique_fd.h"
#include "harness.h"

namespace baton::test {

template <typename Bench>
CompletionRecord Adopt(Bench& bench, uint32_t slot, int fd, uint32_t kind) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kAdopt);
  record.arena_offset = 4096;
  record.argument0 = static_cast<uint32_t>(fd);
  record.argument1 = kind;
  bench.completions.clear();
  bench.Submit();
  BATON_CHECK(bench.WaitFor(1));
  return bench.completions.back();
}

// Where the adopted file stands, as it was answered.
template <typename Bench>
int64_t AdoptedAt(Bench& bench) {
  int64_t position = 0;
  std::memcpy(&position, bench.Arena(4096) + kAdoptPositionAt, sizeof(position));
  return position;
}

template <typename Bench>
void Read(Bench& bench, uint32_t slot, const CompletionRecord& handle, uint32_t length) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kRead);
  bench.Use(record, handle);
  record.buffer = 0;
  record.length = length;
  record.position_low = UINT32_MAX;
  record.position_high = UINT32_MAX;
  bench.completions.clear();
  bench.Submit();
}

// A read of an eventfd waits for the event and does not hold up the engine, in whichever mode the descriptor came.
template <typename Bench>
void WaitsForEvent(int flags) {
  Bench bench;
  // Another that stays here, to make the event.
  const int fd = eventfd(0, EFD_CLOEXEC | flags);
  const UniqueFd other(dup(fd));
  const CompletionRecord handle = Adopt(bench, 1, fd, kAdoptFile);
  EXPECT(handle.result >= 0);
  EXPECT(AdoptedAt(bench) == -1);
  Read(bench, 2, handle, sizeof(uint64_t));
  bench.Turn();
  EXPECT(bench.completions.empty());
  const uint64_t events = 7;
  EXPECT(write(other.get(), &events, sizeof(events)) == sizeof(events));
  EXPECT(bench.WaitFor(1));
  uint64_t seen = 0;
  std::memcpy(&seen, bench.Buffer(0), sizeof(seen));
  EXPECT(bench.completions.back().result == sizeof(seen) && seen == events);
}

// The same of an inotify, of which the kernel cannot say beforehand whether a read would wait.
template <typename Bench>
void WaitsForNotice(int flags) {
  char directory[] = "/tmp/baton-adopt-XXXXXX";
  EXPECT(mkdtemp(directory) != nullptr);
  Bench bench;
  const int fd = inotify_init1(IN_CLOEXEC | flags);
  EXPECT(inotify_add_watch(fd, directory, IN_DELETE_SELF) >= 0);
  const CompletionRecord handle = Adopt(bench, 1, fd, kAdoptFile);
  EXPECT(handle.result >= 0);
  EXPECT(AdoptedAt(bench) == -1);
  Read(bench, 2, handle, 256);
  bench.Turn();
  EXPECT(bench.completions.empty());
  EXPECT(rmdir(directory) == 0);
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.completions.back().result >= static_cast<int32_t>(sizeof(inotify_event)));
}

// Whoever shares a pipe or a terminal keeps his mode, and the number stays open.
template <typename Bench>
void LeavesTheModeOfOthers(int fd, int others_flags) {
  const UniqueFd other(dup(fd));
  (void)fcntl(other.get(), F_SETFL, others_flags);
  Bench bench;
  const CompletionRecord handle = Adopt(bench, 1, fd, kAdoptFile);
  EXPECT(handle.result >= 0);
  EXPECT((fcntl(other.get(), F_GETFL) & O_NONBLOCK) == (others_flags & O_NONBLOCK));
  EXPECT(fcntl(fd, F_GETFD) >= 0);
}

template <typename Bench>
void LeavesTheModeOfPipes() {
  for (const int flags : {0, O_NONBLOCK}) {
    int ends[2];
    EXPECT(pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd writing(ends[1]);
    LeavesTheModeOfOthers<Bench>(ends[0], flags);
  }
}

template <typename Bench>
void LeavesTheModeOfTerminals() {
  for (const int flags : {0, O_NONBLOCK}) {
    int controlling;
    int terminal;
    EXPECT(openpty(&controlling, &terminal, nullptr, nullptr, nullptr) == 0);
    const UniqueFd other_side(controlling);
    LeavesTheModeOfOthers<Bench>(terminal, flags);
  }
}

// The master of a terminal has no name that leads back to it: what is adopted is it and no new one.
template <typename Bench>
void KeepsTheMaster() {
  int controlling;
  int terminal;
  EXPECT(openpty(&controlling, &terminal, nullptr, nullptr, nullptr) == 0);
  const UniqueFd other_side(terminal);
  Bench bench;
  const CompletionRecord handle = Adopt(bench, 1, controlling, kAdoptFile);
  EXPECT(handle.result >= 0);
  Read(bench, 2, handle, 4);
  EXPECT(write(other_side.get(), "hi", 2) == 2);
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.completions.back().result == 2 && std::memcmp(bench.Buffer(0), "hi", 2) == 0);
}

// What is refused is as it was.
template <typename Bench>
void LeavesWhatItRefuses() {
  int ends[2];
  EXPECT(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  Bench bench;
  EXPECT(Adopt(bench, 1, reading.get(), kAdoptStream).result == -ENOTSOCK);
  EXPECT(Adopt(bench, 2, reading.get(), kAdoptListener).result == -ENOTSOCK);
  EXPECT(Adopt(bench, 3, reading.get(), 99).result == -EINVAL);
  EXPECT(Adopt(bench, 4, -1, kAdoptFile).result == -EBADF);
  EXPECT((fcntl(reading.get(), F_GETFL) & O_NONBLOCK) == 0);
}

}  // namespace baton::test

#endif  // BATON_TEST_ADOPTING_H_
