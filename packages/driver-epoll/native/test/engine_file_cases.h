// Files: what the page cache serves at once, what threads do, and how both are canceled.
#ifndef BATON_EPOLL_TEST_ENGINE_FILE_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_FILE_CASES_H_

#include <algorithm>

#include "bench.h"
#include "hanging.h"

namespace baton::epoll::test::file_cases {

TEST("a read of what is in the page cache completes within the submission, and no thread is asked") {
  Scratch scratch;
  const std::string path = scratch.Write("f", std::string(4096, 'a') + std::string(4096, 'b'));
  Bench bench;
  const auto file = bench.OpenFile(path, kOpenRead);
  const uint64_t jobs = bench.engine().counters().jobs;
  bench.Move(1, Opcode::kRead, file, 0, 4096, 4096);
  bench.Submit();
  EXPECT(bench.ResultOf(1) == 4096 && bench.Bytes(0, 2) == "bb");
  EXPECT(bench.engine().counters().jobs == jobs);
}

TEST("reads at the descriptor's own position go on where the last one ended, and 0 is the end") {
  Scratch scratch;
  const std::string path = scratch.Write("f", "abcdef");
  Bench bench;
  const auto file = bench.OpenFile(path, kOpenRead);
  for (uint32_t slot = 1; slot <= 3; slot++) {
    bench.Move(slot, Opcode::kRead, file, slot, 4, -1);
    EXPECT(bench.Run(slot));
  }
  EXPECT(bench.ResultOf(1) == 4 && bench.ResultOf(2) == 2 && bench.ResultOf(3) == 0);
  EXPECT(bench.Bytes(2, 2) == "ef");
}

TEST("a write is read back, past 4 GiB too") {
  Scratch scratch;
  const int64_t far = (int64_t{1} << 33) + 5;
  Bench bench;
  const auto file = bench.OpenFile(scratch / "f", kOpenRead | kOpenWrite | kOpenCreate);
  bench.Fill(0, "far!");
  bench.Move(1, Opcode::kWrite, file, 0, 4, far);
  EXPECT(bench.Run(1));
  bench.Move(2, Opcode::kRead, file, 1, 100, far);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(1) == 4 && bench.ResultOf(2) == 4 && bench.Bytes(1, 4) == "far!");
}

TEST("vectors are read and written part after part, empty parts among them") {
  Scratch scratch;
  Bench bench;
  const auto file = bench.OpenFile(scratch / "f", kOpenRead | kOpenWrite | kOpenCreate);
  bench.Fill(0, "one");
  bench.Fill(1, "xxtwo");
  SubmissionRecord& write = bench.On(1, Opcode::kWritev, file);
  bench.SetVector(1, write, {{0, 0, 3}, {5, 0, 0}, {1, 2, 3}});
  EXPECT(bench.Run(1));
  EXPECT(bench.ResultOf(1) == 6 && Content(scratch / "f") == "onetwo");
  SubmissionRecord& read = bench.On(2, Opcode::kReadv, file);
  bench.SetVector(2, read, {{2, 0, 2}, {3, 10, 100}});
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(2) == 6 && bench.Bytes(2, 2) == "on");
  EXPECT(std::memcmp(bench.Buffer(3) + 10, "etwo", 4) == 0);
}

TEST("a vector keeps the memory of its buffers although they are freed meanwhile") {
  Bench bench;
  const auto pipe = bench.Pipe();
  const uint32_t first = bench.engine().buffers().Allocate(4096, 2, {}).Take();
  uint8_t* memory = bench.Buffer(first + 1);
  Slab* slab = bench.engine().buffers().Find(first)->slab;
  slab->Ref();
  SubmissionRecord& read = bench.On(1, Opcode::kReadv, pipe.near);
  bench.SetVector(1, read, {{first, 0, 2}, {first + 1, 0, 2}});
  bench.Submit();
  EXPECT(bench.engine().buffers().Free(first));
  bench.Fill(0, "abcd");
  bench.Move(2, Opcode::kWrite, pipe.far, 0, 4);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(1) == 4 && std::memcmp(memory, "cd", 2) == 0);
  slab->Unref();
}

TEST("a file system that cannot say whether it would block is noticed once, and its reads go to threads") {
  Bench bench;
  const auto first = bench.OpenFile("/proc/version", kOpenRead);
  const auto second = bench.OpenFile("/proc/cmdline", kOpenRead);
  uint32_t slot = 1;
  for (const auto& file : {first, second, first, second}) {
    bench.Move(slot++, Opcode::kRead, file, 0, 4096);
    EXPECT(bench.Run(slot - 1));
  }
  for (slot = 1; slot <= 4; slot++) EXPECT(bench.ResultOf(slot) > 0);
  EXPECT(bench.engine().counters().nowait_attempts == 1 && bench.engine().counters().nowait_refusals == 1);
}

TEST("a file system that refuses writes alone still serves its reads at once") {
  Scratch scratch;
  Bench bench;
  const auto file = bench.OpenFile(scratch / "f", kOpenRead | kOpenWrite | kOpenCreate);
  bench.Move(1, Opcode::kWrite, file, 0, 4096);
  EXPECT(bench.Run(1));
  const uint64_t jobs = bench.engine().counters().jobs;
  bench.Move(2, Opcode::kRead, file, 1, 4096);
  bench.Submit();
  EXPECT(bench.ResultOf(2) == 4096 && bench.engine().counters().jobs == jobs);
}

TEST("a direct read goes to a thread without being tried") {
  Scratch scratch;
  const std::string path = scratch.Write("f", std::string(8192, 'd'));
  Bench bench;
  const CompletionRecord opened = bench.Open(path, kOpenRead | kOpenDirect, 0);
  if (opened.result == -EINVAL) return;  // a file system without O_DIRECT
  bench.Move(1, Opcode::kRead, Bench::HandleOf(opened), 0, 4096, 4096);
  EXPECT(bench.Run(1));
  EXPECT(bench.ResultOf(1) == 4096 && bench.engine().counters().nowait_attempts == 0);
}

TEST("errors of the system come back as they are") {
  Scratch scratch;
  Bench bench;
  EXPECT(bench.Open(scratch / "missing", kOpenRead).result == -ENOENT);
  const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
  bench.Move(1, Opcode::kWrite, file, 0, 1);
  bench.Move(2, Opcode::kRead, {file.index, file.generation + 1}, 0, 1);
  bench.On(3, Opcode::kAccept, file);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(1) == -EBADF && bench.ResultOf(2) == -EBADF && bench.ResultOf(3) == -ENOTSOCK);
}

TEST("an unknown opcode is EINVAL, and a flag that means nothing EOPNOTSUPP, for that operation alone") {
  Bench bench;
  bench.Prepare(1, Opcode::kNop);
  bench.Prepare(2, Opcode::kNop).operation = 200;
  bench.Prepare(3, Opcode::kTimer, kSubmitMultishot);
  bench.Prepare(4, Opcode::kSplice, kSubmitTimeout);
  bench.Prepare(5, Opcode::kSend, kSubmitProvidedBuffer);
  bench.Submit();
  EXPECT(bench.ResultOf(1) == 0 && bench.ResultOf(2) == -EINVAL && bench.ResultOf(3) == -EOPNOTSUPP);
  EXPECT(bench.ResultOf(4) == -EOPNOTSUPP && bench.ResultOf(5) == -EOPNOTSUPP);
}

TEST("names are made, changed and removed") {
  Scratch scratch;
  Bench bench;
  scratch.Write("f", "content");
  const auto ask = [&](Opcode opcode, const std::string& first, const std::string& second, uint32_t argument0,
                       uint32_t mode = 0) {
    SubmissionRecord& record = bench.Prepare(1, opcode);
    bench.SetPaths(1, record, first, second);
    record.argument0 = argument0;
    if (mode != 0) record.argument1 = mode;
    return bench.Ask(1).result;
  };
  EXPECT(ask(Opcode::kMkdir, scratch / "d", "", 0, 0750) == 0);
  struct stat about;
  EXPECT(stat((scratch / "d").c_str(), &about) == 0 && (about.st_mode & 0777) == 0750);
  EXPECT(ask(Opcode::kHardlink, scratch / "f", scratch / "d/second", 0) == 0);
  EXPECT(Content(scratch / "d/second") == "content");
  EXPECT(ask(Opcode::kSymlink, "f", scratch / "third", 0) == 0 && Content(scratch / "third") == "content");
  scratch.Write("other", "other");
  EXPECT(ask(Opcode::kRename, scratch / "other", scratch / "f", 1) == -EEXIST && Content(scratch / "f") == "content");
  EXPECT(ask(Opcode::kRename, scratch / "other", scratch / "f", 0) == 0 && Content(scratch / "f") == "other");
  EXPECT(ask(Opcode::kUnlink, scratch / "d", "", 1) == -ENOTEMPTY);
  EXPECT(ask(Opcode::kUnlink, scratch / "d/second", "", 0) == 0 && ask(Opcode::kUnlink, scratch / "d", "", 1) == 0);
  EXPECT(access((scratch / "d").c_str(), F_OK) != 0);
}

TEST("space is reserved and given back, and advice is taken") {
  Scratch scratch;
  Bench bench;
  const auto file = bench.OpenFile(scratch.Write("f", std::string(8192, 'x')), kOpenRead | kOpenWrite);
  const auto ask = [&](Opcode opcode, uint32_t what, int64_t position, int64_t bytes) {
    SubmissionRecord& record = bench.On(1, opcode, file);
    record.buffer_offset = what;
    Bench::SetPosition(record, position);
    Bench::SetArgument(record, bytes);
    return bench.Ask(1).result;
  };
  EXPECT(ask(Opcode::kAllocate, 0, 0, 65536) == 0 && Content(scratch / "f").size() == 65536);
  const int punched = ask(Opcode::kAllocate, kAllocatePunchHole, 0, 4096);
  EXPECT(punched == 0 || punched == -EOPNOTSUPP);
  if (punched == 0) EXPECT(Content(scratch / "f").substr(4095, 2) == std::string("\0x", 2));
  EXPECT(ask(Opcode::kAdvise, kAdviceWillNeed, 0, 0) == 0 && ask(Opcode::kAdvise, 77, 0, 0) == -EINVAL);
}

TEST("a call that no thread has begun is withdrawn by its cancel, one that a thread is in runs to its end") {
  Scratch scratch;
  Bench bench({.threads_max = 1});
  HangingRead hanging(bench, 1);
  if (!hanging.hangs()) return;
  bench.Submit();
  EXPECT(hanging.IsBegun());
  SubmissionRecord& waiting = bench.Prepare(2, Opcode::kMkdir);
  bench.SetPaths(2, waiting, scratch / "d");
  bench.Submit();
  bench.CancelSlot(3, 2);
  bench.CancelSlot(4, 1);
  bench.CancelSlot(5, 1, 99);
  bench.Submit();
  EXPECT(bench.ResultOf(2) == -ECANCELED && bench.ResultOf(3) == 0);
  EXPECT(bench.ResultOf(4) == -EALREADY && bench.ResultOf(5) == -ENOENT && bench.Only(1) == nullptr);
  hanging.LetGo();
  EXPECT(bench.WaitFor(5));
  EXPECT(bench.ResultOf(1) > 0 && access((scratch / "d").c_str(), F_OK) != 0);
}

TEST("a close that waits for a thread is never taken back: its descriptor goes") {
  Scratch scratch;
  const int before = NextFd();
  {
    Bench bench({.threads_max = 1});
    const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
    HangingRead hanging(bench, 1);
    if (!hanging.hangs()) return;
    bench.Submit();
    EXPECT(hanging.IsBegun());
    bench.On(2, Opcode::kClose, file);
    bench.Submit();
    bench.CancelSlot(3, 2);
    bench.Submit();
    EXPECT(bench.ResultOf(3) == -EALREADY);
    hanging.LetGo();
    EXPECT(bench.WaitFor(3));
    EXPECT(bench.ResultOf(2) == 0);
  }
  EXPECT(NextFd() == before);
}

}  // namespace baton::epoll::test::file_cases

#endif  // BATON_EPOLL_TEST_ENGINE_FILE_CASES_H_
