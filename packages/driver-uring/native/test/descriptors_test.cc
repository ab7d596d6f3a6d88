// Descriptors and who still names them: the kernel looks a number up when it comes to an operation, which may be long
// after its submission. By then it must not be somebody else's.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "bench.h"
#include "frozen_file_system.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;

namespace {

SubmissionRecord& PrepareWrite(Bench& bench, uint32_t slot, const CompletionRecord& file, const char* bytes,
                               int64_t position, uint32_t flags = 0) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kWrite, flags);
  bench.Use(record, file);
  record.buffer = static_cast<int32_t>(slot);
  record.length = static_cast<uint32_t>(std::strlen(bytes));
  std::memcpy(bench.Buffer(slot), bytes, record.length);
  SetPosition(record, position);
  return record;
}

// Somebody else's file, which takes the lowest number that is free.
UniqueFd OpenStranger() { return UniqueFd(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); }
off_t SizeOf(int fd) { return lseek(fd, 0, SEEK_END); }

std::string ContentOf(const std::string& path) {
  char content[64] = {};
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t bytes = read(fd.get(), content, sizeof(content));
  return std::string(content, bytes > 0 ? static_cast<size_t>(bytes) : 0);
}

// Waits until a worker of the kernel hangs: its thread is in a sleep that nothing interrupts.
void WaitForHangingWorker() {
  for (int rounds = 0; rounds < 2000; rounds++) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream file(task.path() / "stat");
      std::string stat;
      if (std::getline(file, stat) && stat.find("(iou-wrk") != std::string::npos &&
          stat.find(") D ") != std::string::npos) {
        return;
      }
    }
    usleep(1000);
  }
}

}  // namespace

// mutant: uring-close-waits-for-nobody
TEST("operations that the kernel's workers make find their file, with a close in one batch behind them") {
  constexpr Opcode kOffloaded[] = {Opcode::kFsync, Opcode::kFdatasync, Opcode::kStat, Opcode::kAllocate,
                                   Opcode::kAdvise};
  constexpr uint32_t kCount = sizeof(kOffloaded) / sizeof(kOffloaded[0]);
  Scratch scratch;
  Bench bench;
  for (int round = 0; round < 50; round++) {
    const CompletionRecord file = bench.Open(scratch.path, kOpenRead | kOpenWrite);
    for (uint32_t index = 0; index < kCount; index++) {
      const uint32_t slot = 1 + index;
      SubmissionRecord& record = bench.Prepare(slot, kOffloaded[index]);
      bench.Use(record, file);
      if (kOffloaded[index] == Opcode::kStat) SetPath(bench, record, 0, "");
      if (kOffloaded[index] == Opcode::kAllocate) SetArgument(record, 4096);
    }
    bench.Use(bench.Prepare(20, Opcode::kClose), file);
    bench.Submit();
    const UniqueFd stranger = OpenStranger();
    EXPECT(bench.WaitFor(kCount + 1));
    for (uint32_t slot = 1; slot <= kCount; slot++) {
      EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result == 0);
      bench.NextGeneration(slot);
    }
    EXPECT(bench.Only(20)->result == 0 && bench.completions.back().slot == 20 && SizeOf(stranger.get()) == 0);
    bench.NextGeneration(20);
    bench.completions.clear();
  }
}

TEST("a receive that waits keeps its socket until it has ended, and the close of it comes then") {
  Bench bench;
  const auto [client, server] = Connection(bench);
  SubmissionRecord& receive = bench.Prepare(3, Opcode::kReceive);
  bench.Use(receive, server);
  receive.buffer = 0;
  receive.length = 16;
  bench.Use(bench.Prepare(4, Opcode::kClose), server);
  bench.Submit();
  EXPECT(bench.completions.empty() && bench.engine().in_flight() == 2);
  SubmissionRecord& send = bench.Prepare(5, Opcode::kSend);
  bench.Use(send, client);
  send.buffer = 1;
  send.length = 3;
  bench.Submit();
  EXPECT(bench.WaitFor(3));
  EXPECT(bench.Only(3)->result == 3 && bench.Only(4)->result == 0 && bench.completions.back().slot == 4);
  EXPECT(bench.engine().in_flight() == 0);
}

// mutant: uring-closes-what-is-unconfirmed
TEST("a chain that is unconfirmed at the deadline writes into its own file when the kernel goes on") {
  baton::test::FrozenFileSystem files;
  if (!files.mounted()) return;
  const std::string path = files.path("own");
  close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  // Kept for ever, as the border keeps it.
  static Bench* bench;
  bench = new Bench();
  const CompletionRecord file = bench->Open(path, kOpenRead | kOpenWrite);
  const CompletionRecord idle = bench->Open(path, kOpenRead);
  files.Freeze();
  PrepareWrite(*bench, 1, file, "first", 0, kSubmitLink);
  PrepareWrite(*bench, 2, file, "second", 5);
  bench->Submit();
  WaitForHangingWorker();
  EXPECT(idle.result >= 0 && bench->engine().Shutdown(100) == 2);
  // Two strangers: the number of the file that nobody uses is free.
  const UniqueFd first = OpenStranger();
  const UniqueFd second = OpenStranger();
  files.Thaw();
  for (int rounds = 0; rounds < 2000 && ContentOf(path).size() < 11; rounds++) {
    if (SizeOf(first.get()) + SizeOf(second.get()) > 0) break;
    usleep(1000);
  }
  EXPECT(ContentOf(path) == "firstsecond");
  EXPECT(SizeOf(first.get()) == 0 && SizeOf(second.get()) == 0);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
