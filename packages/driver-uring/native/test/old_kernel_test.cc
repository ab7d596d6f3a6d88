// A frozen file system: whatever waits for the thaw waits with the kernel or on a thread, and the thread that submits
// goes on, on kernels too that have fewer entries.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "bench.h"
#include "frozen_file_system.h"
#include "harness.h"
#include "specimens.h"

using namespace baton;
using namespace baton::uring;
using namespace baton::uring::test;
using baton::test::FrozenFileSystem;
using baton::test::Thaw;

namespace {

// What Linux 5.6 to 5.14, and for truncating 6.8, have no entry for.
constexpr uint32_t kOldKernel = kFeaturePaths | kFeatureFtruncate;
constexpr int32_t kAreaBytes = 1024;

int32_t AreaOf(uint32_t slot) { return static_cast<int32_t>(slot) * kAreaBytes; }

// The names of an operation at the area of its slot: one, or two.
SubmissionRecord& PrepareNames(Bench& bench, uint32_t slot, Opcode opcode, const std::string& first,
                               const std::string& second = "", uint32_t flags = 0) {
  SubmissionRecord& record = bench.Prepare(slot, opcode, flags);
  record.arena_offset = AreaOf(slot);
  record.length = static_cast<uint32_t>(first.size());
  record.argument1 = static_cast<uint32_t>(second.size());
  if (opcode == Opcode::kMkdir) record.argument1 = 0700;
  std::memcpy(bench.Arena(record.arena_offset), first.c_str(), first.size() + 1);
  std::memcpy(bench.Arena(record.arena_offset) + first.size() + 1, second.c_str(), second.size() + 1);
  return record;
}

void PrepareBind(Bench& bench, uint32_t slot, Opcode opcode, const std::string& path) {
  SubmissionRecord& record = bench.Prepare(slot, opcode);
  record.arena_offset = AreaOf(slot);
  record.argument1 = opcode == Opcode::kListen ? 1 : 0;
  const uint32_t words[3] = {kAddressFamilyUnix, static_cast<uint32_t>(path.size()), 0};
  std::memcpy(bench.Arena(record.arena_offset), words, sizeof(words));
  std::memcpy(bench.Arena(record.arena_offset) + kAddressBytesAt, path.data(), path.size());
}

void PrepareTruncate(Bench& bench, uint32_t slot, const CompletionRecord& file, int64_t bytes, uint32_t flags = 0) {
  SubmissionRecord& record = bench.Prepare(slot, Opcode::kTruncate, flags);
  bench.Use(record, file);
  SetPosition(record, bytes);
}

void Touch(const std::string& path) { close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); }

off_t SizeOf(const std::string& path) {
  struct stat answer;
  return stat(path.c_str(), &answer) == 0 ? answer.st_size : -1;
}

}  // namespace

// mutant: uring-calls-on-the-loop, threads-wake-nobody
TEST("what waits for a frozen file system holds up nobody, on this kernel and where it is a call and no entry") {
  for (const uint32_t disabled : {0U, kOldKernel}) {
    FrozenFileSystem files;
    if (!files.mounted()) return;
    Bench bench({.disabled_features = disabled});
    for (const char* name : {"gone", "old", "file", "nameless"}) Touch(files.path(name));
    const CompletionRecord file = bench.Open(files.path("file"), kOpenRead | kOpenWrite);
    const CompletionRecord nameless = bench.Open(files.path("nameless"), kOpenRead | kOpenWrite);
    unlink(files.path("nameless").c_str());
    files.Freeze();
    Thaw thaw(files);
    PrepareNames(bench, 1, Opcode::kUnlink, files.path("gone"));
    PrepareNames(bench, 2, Opcode::kRename, files.path("old"), files.path("new"));
    PrepareNames(bench, 3, Opcode::kMkdir, files.path("directory"));
    PrepareNames(bench, 4, Opcode::kHardlink, files.path("file"), files.path("second"));
    PrepareNames(bench, 5, Opcode::kSymlink, "file", files.path("third"));
    PrepareTruncate(bench, 6, file, 5000);
    PrepareBind(bench, 7, Opcode::kListen, files.path("listener"));
    PrepareBind(bench, 8, Opcode::kDatagram, files.path("datagram"));
    bench.Use(bench.Prepare(9, Opcode::kClose), nameless);
    bench.Prepare(10, Opcode::kNop);
    bench.Submit();
    bench.Turn();
    EXPECT(bench.Only(10) != nullptr && bench.Only(1) == nullptr && bench.Only(6) == nullptr);
    EXPECT(thaw.Now());
    EXPECT(bench.WaitFor(10));
    for (uint32_t slot = 1; slot <= 10; slot++) EXPECT(bench.Only(slot) != nullptr && bench.Only(slot)->result >= 0);
    EXPECT(SizeOf(files.path("gone")) < 0 && SizeOf(files.path("new")) == 0 && SizeOf(files.path("second")) == 5000);
    EXPECT(SizeOf(files.path("third")) == 5000 && bench.engine().in_flight() == 0);
  }
}

// mutant: thread-holds-no-descriptor
TEST(
    "a call on a thread holds its descriptor, opens the way for what is chained behind it, and breaks it when it "
    "fails") {
  FrozenFileSystem files;
  if (!files.mounted()) return;
  Bench bench({.disabled_features = kOldKernel});
  for (const char* name : {"file", "other"}) Touch(files.path(name));
  const CompletionRecord file = bench.Open(files.path("file"), kOpenRead | kOpenWrite);
  const CompletionRecord other = bench.Open(files.path("other"), kOpenRead | kOpenWrite);
  files.Freeze();
  Thaw thaw(files);
  PrepareTruncate(bench, 1, file, 100, kSubmitLink);
  PrepareTruncate(bench, 2, file, 200, kSubmitLink);
  PrepareNames(bench, 3, Opcode::kRename, files.path("file"), files.path("moved"));
  bench.Use(bench.Prepare(4, Opcode::kClose), file);
  PrepareNames(bench, 5, Opcode::kUnlink, files.path("nothing"), "", kSubmitLink);
  PrepareNames(bench, 6, Opcode::kMkdir, files.path("directory"));
  PrepareTruncate(bench, 7, other, 300);
  bench.Use(bench.Prepare(8, Opcode::kClose), other);
  bench.Submit();
  const bool hangs = bench.completions.empty();
  EXPECT(thaw.Now() && hangs);
  EXPECT(bench.WaitFor(8));
  for (const uint32_t slot : {1U, 2U, 3U, 4U, 7U, 8U}) EXPECT(bench.Only(slot)->result == 0);
  EXPECT(bench.Only(5)->result == -ENOENT && bench.Only(6)->result == -ECANCELED);
  EXPECT(SizeOf(files.path("moved")) == 200 && SizeOf(files.path("other")) == 300 &&
         SizeOf(files.path("directory")) < 0);
}

// mutant: thread-left-behind
TEST("a call that no thread has begun can be canceled, and one that a thread is in cannot") {
  FrozenFileSystem files;
  if (!files.mounted()) return;
  Bench bench({.disabled_features = kOldKernel});
  files.Freeze();
  Thaw thaw(files);
  constexpr uint32_t kCalls = 20;
  for (uint32_t slot = 1; slot <= kCalls; slot++) {
    PrepareNames(bench, slot, Opcode::kMkdir, files.path(("directory" + std::to_string(slot)).c_str()));
  }
  bench.Submit();
  usleep(20'000);
  // The last was handed over long ago; another comes with its cancel in one batch.
  PrepareNames(bench, 30, Opcode::kMkdir, files.path("directory30"));
  for (const uint32_t target : {1U, kCalls, 30U}) {
    SubmissionRecord& cancel = bench.Prepare(40 + target % 10, Opcode::kCancel);
    cancel.argument0 = target;
    cancel.argument1 = 1;
    if (target == 1) bench.Submit();
    if (target == 1) EXPECT(bench.Only(41)->result == -EALREADY && bench.Only(1) == nullptr);
    if (target == kCalls) {
      bench.Submit();
      EXPECT(bench.Only(40)->result == 0 && bench.Only(kCalls)->result == -ECANCELED);
      bench.completions.clear();
      bench.NextGeneration(40);
    }
  }
  bench.Submit();
  EXPECT(bench.Only(40)->result == 0 && bench.Only(30)->result == -ECANCELED);
  bench.completions.clear();
  const uint32_t hanging = bench.engine().in_flight();
  EXPECT(thaw.Now() && hanging == kCalls - 1);
  EXPECT(bench.WaitFor(kCalls - 1) && bench.engine().in_flight() == 0);
  EXPECT(SizeOf(files.path("directory1")) >= 0 && SizeOf(files.path("directory20")) < 0);
}

TEST("a session ends at its deadline with a call in a frozen file system, and the call reaches no other file") {
  FrozenFileSystem files;
  if (!files.mounted()) return;
  Touch(files.path("file"));
  // Kept for ever, as the border keeps it.
  static Bench* bench;
  bench = new Bench({.disabled_features = kOldKernel});
  const CompletionRecord file = bench->Open(files.path("file"), kOpenRead | kOpenWrite);
  files.Freeze();
  for (uint32_t slot = 1; slot <= 10; slot++) PrepareTruncate(*bench, slot, file, 1000);
  bench->Submit();
  usleep(20'000);
  const uint32_t unconfirmed = bench->engine().Shutdown(50);
  EXPECT(unconfirmed > 0 && unconfirmed < 10);
  const UniqueFd stranger(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  files.Thaw();
  for (int rounds = 0; rounds < 2000 && SizeOf(files.path("file")) != 1000; rounds++) usleep(1000);
  EXPECT(SizeOf(files.path("file")) == 1000 && lseek(stranger.get(), 0, SEEK_END) == 0);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
