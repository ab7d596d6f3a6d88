// What every engine makes of records that nobody should write; `Bench` is the bench of an engine.
#ifndef BATON_TEST_ENGINE_RECORD_CASES_H_
#define BATON_TEST_ENGINE_RECORD_CASES_H_

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "baton/opcode.gen.h"
#include "engine_bench.h"
#include "harness.h"

namespace baton::test {

// Longer than a machine under load takes to submit what the timer must outlast.
inline constexpr int64_t kSoonUs = 300'000;

template <typename Bench>
uint32_t PassedOver(Bench& bench) {
  return bench.engine().shared().control(kControlPassedOver);
}

template <typename Bench>
SubmissionRecord& PrepareTimer(Bench& bench, uint32_t slot, int64_t delay_us, uint32_t flags = 0) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kTimer, flags);
  record.position_low = static_cast<uint32_t>(delay_us);
  return record;
}

// A file in the directory for temporary files, open.
template <typename Bench>
CompletionRecord OpenSomeFile(Bench& bench) {
  char path[] = "/tmp/baton-records-XXXXXX";
  const int fd = mkstemp(path);
  BATON_CHECK(fd >= 0 && write(fd, "0123456789abcdef", 16) == 16);
  close(fd);
  const CompletionRecord file = bench.Open(path, kOpenRead | kOpenWrite);
  unlink(path);
  BATON_CHECK(file.result >= 0);
  return file;
}

template <typename Bench>
void PassesOverNoFreeSlot() {
  Bench bench;
  PrepareTimer(bench, 1, kSoonUs);
  bench.Submit();
  bench.Prepare(2, Opcode::kNop);
  for (const uint32_t slot : {4096U, 1U << 20, UINT32_MAX, 1U}) bench.Queue(slot);
  bench.Prepare(3, Opcode::kNop);
  EXPECT(bench.Submit() == 6);
  EXPECT(bench.WaitFor(3));
  for (const uint32_t slot : {1U, 2U, 3U}) EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result == 0);
  EXPECT(PassedOver(bench) == 4);
  EXPECT(bench.engine().in_flight() == 0);
}

template <typename Bench>
void RefusesChainsOfNoSlots() {
  Bench bench;
  PrepareTimer(bench, 9, kSoonUs);
  bench.Submit();
  for (const uint32_t wrong : {1U, 9U, 4096U}) {
    bench.completions.clear();
    const uint32_t before = PassedOver(bench);
    bench.Prepare(1, Opcode::kNop, kSubmitLink);
    bench.Prepare(2, Opcode::kNop, kSubmitLink);
    bench.Queue(wrong);
    bench.Submit();
    EXPECT(bench.Only(1) != nullptr && bench.Only(1)->result == kBadRecord);
    EXPECT(bench.Only(2) != nullptr && bench.Only(2)->result == kBadRecord);
    EXPECT(PassedOver(bench) == before + 1);
  }
  bench.completions.clear();
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.engine().in_flight() == 0);
}

template <typename Bench>
void KeepsTheAreaOfTheStart() {
  Bench bench;
  const CompletionRecord file = OpenSomeFile(bench);
  SubmissionRecord& record = bench.Prepare(1, Opcode::kStat);
  bench.Use(record, file);
  record.arena_offset = 1024;
  std::memset(bench.Arena(1024), 0, kStatBytes);
  bench.Submit();
  record.arena_offset = INT32_MAX - 3;
  EXPECT(bench.completions.size() == 1 || bench.WaitFor(1));
  int64_t bytes;
  std::memcpy(&bytes, bench.Arena(1024) + kStatSizeBytes * sizeof(bytes), sizeof(bytes));
  EXPECT(bench.completions.back().result == 0 && bytes == 16);
}

template <typename Bench>
void RefusesChangedMembers() {
  Bench bench;
  const CompletionRecord file = OpenSomeFile(bench);
  const auto prepare = [&](uint32_t slot) -> SubmissionRecord& {
    SubmissionRecord& record = bench.Prepare(slot, Opcode::kRead, kSubmitLink);
    bench.Use(record, file);
    record.buffer = static_cast<int32_t>(slot);
    record.length = 16;
    return record;
  };
  PrepareTimer(bench, 1, kSoonUs, kSubmitLink);
  prepare(2);
  prepare(3);
  SubmissionRecord& last = bench.Prepare(4, Opcode::kPipe);
  last.arena_offset = 2048;
  bench.Submit();
  // One that would be right, too.
  last.operation = static_cast<uint32_t>(Opcode::kReadv);
  bench.Use(last, file);
  last.vector_count = 1;
  const uint32_t entry[3] = {5, 0, 16};
  std::memcpy(bench.Arena(2048), entry, sizeof(entry));
  EXPECT(bench.WaitFor(4));
  EXPECT(bench.Only(3) != nullptr && bench.Only(3)->result == 16);
  EXPECT(bench.Only(4) != nullptr && bench.Only(4)->result == kBadRecord);
  EXPECT(bench.engine().in_flight() == 0);
}

}  // namespace baton::test

#endif  // BATON_TEST_ENGINE_RECORD_CASES_H_
