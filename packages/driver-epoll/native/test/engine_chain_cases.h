// Chains, the time an operation may take, and splices.
#ifndef BATON_EPOLL_TEST_ENGINE_CHAIN_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_CHAIN_CASES_H_

#include <chrono>
#include <vector>

#include "bench.h"
#include "hanging.h"

namespace baton::epoll::test::chain_cases {

using Order = std::vector<uint32_t>;

inline void SetTimer(SubmissionRecord& record, int64_t microseconds) { Bench::SetPosition(record, microseconds); }
inline void SetTimeout(SubmissionRecord& record, uint32_t microseconds) {
  record.second_handle_index = static_cast<int32_t>(microseconds);
}

TEST("the members of a chain run one after the other, whatever each waits for") {
  Scratch scratch;
  Bench bench;
  const auto pair = bench.Connection();
  bench.Fill(0, "in a chain");
  bench.Move(1, Opcode::kReceive, pair.far, 1, 100, 0, kSubmitLink);
  SetTimer(bench.Prepare(2, Opcode::kTimer, kSubmitLink), 1000);
  SubmissionRecord& mkdir = bench.Prepare(3, Opcode::kMkdir, kSubmitLink);
  bench.SetPaths(3, mkdir, scratch / "d");
  mkdir.argument1 = 0700;
  bench.Prepare(4, Opcode::kNop);
  // Behind the chain: nothing of it waits for that.
  bench.Prepare(5, Opcode::kNop);
  bench.Submit();
  EXPECT((bench.Order() == Order{5}) && access((scratch / "d").c_str(), F_OK) != 0);
  bench.Move(6, Opcode::kSend, pair.near, 0, 10);
  EXPECT(bench.Run(6));
  EXPECT((bench.Order() == Order{5, 6, 1, 2, 3, 4}));
  EXPECT(bench.ResultOf(1) == 10 && bench.ResultOf(3) == 0 && access((scratch / "d").c_str(), F_OK) == 0);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("behind a member that fails, everything is canceled and nothing has begun") {
  Scratch scratch;
  Bench bench;
  SubmissionRecord& open = bench.Prepare(1, Opcode::kOpen, kSubmitLink);
  bench.SetPaths(1, open, scratch / "missing");
  open.argument0 = kOpenRead;
  SubmissionRecord& mkdir = bench.Prepare(2, Opcode::kMkdir, kSubmitLink);
  bench.SetPaths(2, mkdir, scratch / "d");
  bench.Prepare(3, Opcode::kNop);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(1) == -ENOENT && bench.ResultOf(2) == -ECANCELED && bench.ResultOf(3) == -ECANCELED);
  EXPECT((bench.Order() == Order{1, 2, 3}) && access((scratch / "d").c_str(), F_OK) != 0);
}

TEST("a transfer of a file that is short breaks its chain, a receive that is short does not") {
  Scratch scratch;
  Bench bench;
  const auto file = bench.OpenFile(scratch.Write("f", "12345678"), kOpenRead);
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kRead, file, 0, 8, 0, kSubmitLink);
  bench.Prepare(2, Opcode::kNop);
  bench.Move(3, Opcode::kRead, file, 0, 9, 0, kSubmitLink);
  bench.Prepare(4, Opcode::kNop);
  SubmissionRecord& whole = bench.On(5, Opcode::kReadv, file, kSubmitLink);
  bench.SetVector(5, whole, {{1, 0, 4}, {2, 0, 4}});
  bench.Prepare(6, Opcode::kNop);
  SubmissionRecord& shorter = bench.On(7, Opcode::kReadv, file, kSubmitLink);
  bench.SetVector(7, shorter, {{3, 0, 4}, {4, 0, 5}});
  bench.Prepare(8, Opcode::kNop);
  bench.Move(9, Opcode::kReceive, pair.far, 5, 100, 0, kSubmitLink);
  bench.Prepare(10, Opcode::kNop);
  bench.Move(11, Opcode::kSend, pair.near, 0, 3);
  EXPECT(bench.Run(11));
  EXPECT(bench.ResultOf(1) == 8 && bench.ResultOf(2) == 0 && bench.ResultOf(3) == 8 && bench.ResultOf(4) == -ECANCELED);
  EXPECT(bench.ResultOf(5) == 8 && bench.ResultOf(6) == 0 && bench.ResultOf(7) == 8 && bench.ResultOf(8) == -ECANCELED);
  EXPECT(bench.ResultOf(9) == 3 && bench.ResultOf(10) == 0);
}

TEST("a member that waits for its turn can be canceled, with what stands behind it; what is before goes on") {
  Bench bench;
  SetTimer(bench.Prepare(1, Opcode::kTimer, kSubmitLink), 5000);
  bench.Prepare(2, Opcode::kNop, kSubmitLink);
  bench.Prepare(3, Opcode::kNop);
  bench.CancelSlot(4, 2);
  EXPECT(bench.Run(4));
  EXPECT(bench.ResultOf(2) == -ECANCELED && bench.ResultOf(3) == -ECANCELED && bench.ResultOf(4) == 0);
  EXPECT(bench.ResultOf(1) == 0);
}

TEST("canceling the first of a chain cancels all of it") {
  Bench bench;
  SetTimer(bench.Prepare(1, Opcode::kTimer, kSubmitLink), 60'000'000);
  bench.Prepare(2, Opcode::kNop, kSubmitLink);
  bench.Prepare(3, Opcode::kNop);
  bench.CancelSlot(4, 1);
  bench.Submit();
  for (uint32_t slot = 1; slot <= 3; slot++) EXPECT(bench.ResultOf(slot) == -ECANCELED);
  EXPECT(bench.engine().in_flight() == 0);
}

TEST("a chain as long as a batch runs without running out of stack, and is canceled so too") {
  constexpr uint32_t kLength = 1024;
  Bench bench;
  for (uint32_t slot = 0; slot < kLength; slot++) {
    bench.Prepare(slot, Opcode::kNop, slot + 1 < kLength ? kSubmitLink : 0);
  }
  bench.Submit();
  EXPECT(bench.completions.size() == kLength && bench.ResultOf(kLength - 1) == 0);
  bench.completions.clear();
  for (uint32_t slot = 0; slot < kLength; slot++) bench.NextGeneration(slot);
  bench.On(0, Opcode::kFsync, {77, 1}, kSubmitLink);
  for (uint32_t slot = 1; slot < kLength; slot++) {
    bench.Prepare(slot, Opcode::kNop, slot + 1 < kLength ? kSubmitLink : 0);
  }
  bench.Submit();
  EXPECT(bench.completions.size() == kLength && bench.ResultOf(0) == -EBADF);
  EXPECT(bench.ResultOf(kLength - 1) == -ECANCELED && bench.engine().in_flight() == 0);
}

TEST("a member holds its memory while it waits for its turn, though its buffers are freed") {
  Bench bench;
  const auto pair = bench.Pipe();
  const uint32_t first = bench.engine().buffers().Allocate(4096, 3, {}).Take();
  bench.Fill(first, "kept");
  bench.Fill(first + 1, "12");
  bench.Fill(first + 2, "34");
  SetTimer(bench.Prepare(1, Opcode::kTimer, kSubmitLink), 1000);
  bench.Move(2, Opcode::kWrite, pair.far, first, 4, 0, kSubmitLink);
  SubmissionRecord& vector = bench.On(3, Opcode::kWritev, pair.far);
  bench.SetVector(3, vector, {{first + 1, 0, 2}, {first + 2, 0, 2}});
  bench.Submit();
  EXPECT(bench.engine().buffers().Free(first));
  bench.Move(4, Opcode::kRead, pair.near, 0, 4);
  bench.Move(5, Opcode::kRead, pair.near, 1, 4);
  EXPECT(bench.Run(5));
  EXPECT(bench.ResultOf(2) == 4 && bench.Bytes(0, 4) == "kept" && bench.Bytes(1, 4) == "1234");
}

// mutant: epoll-chain-holds-nothing
TEST("a close waits for a member of a chain that waits for its turn on the same handle") {
  Scratch scratch;
  Bench bench;
  const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
  SetTimer(bench.Prepare(1, Opcode::kTimer, kSubmitLink), 1000);
  bench.Move(2, Opcode::kRead, file, 0, 1);
  bench.On(3, Opcode::kClose, file);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(2) == 1 && bench.ResultOf(3) == 0 && (bench.Order() == Order{1, 2, 3}));
}

// --- time -----------------------------------------------------------------------------------------------------------

TEST("timers fire in the order of their times, and one that is canceled does not") {
  Bench bench;
  for (const uint32_t slot : {3u, 1u, 2u, 4u}) SetTimer(bench.Prepare(slot, Opcode::kTimer), slot * 2000);
  bench.CancelSlot(5, 2);
  EXPECT(bench.Run(5));
  EXPECT((bench.Order() == Order{2, 5, 1, 3, 4}) && bench.ResultOf(2) == -ECANCELED && bench.ResultOf(4) == 0);
}

TEST("an operation whose time is up is canceled, and its completion says so") {
  Bench bench;
  const auto pair = bench.Connection();
  SetTimeout(bench.Move(1, Opcode::kReceive, pair.far, 1, 10, 0, kSubmitTimeout), 5000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT(bench.Run(1));
  EXPECT(bench.Only(1)->result == -ECANCELED && bench.Only(1)->flags == kCompletionTimedOut);
  EXPECT(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(5));
  // The bytes are the next one's.
  bench.Fill(0, "x");
  bench.Move(2, Opcode::kSend, pair.near, 0, 1);
  bench.Move(3, Opcode::kReceive, pair.far, 3, 10);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(3) == 1);
}

TEST("an operation that ends in time leaves nothing of its timeout behind") {
  Bench bench;
  const auto pair = bench.Connection();
  SetTimeout(bench.Move(1, Opcode::kReceive, pair.far, 1, 10, 0, kSubmitTimeout), 20'000);
  bench.Move(2, Opcode::kSend, pair.near, 0, 1);
  SetTimeout(bench.Prepare(3, Opcode::kNop, kSubmitTimeout), 1);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(1) == 1 && bench.ResultOf(3) == 0 && bench.Only(1)->flags == 0);
  // The slot's next operation lives longer than the old timeout.
  bench.NextGeneration(1);
  bench.Move(1, Opcode::kReceive, pair.far, 1, 10);
  SetTimer(bench.Prepare(4, Opcode::kTimer), 40'000);
  EXPECT(bench.Run(4));
  EXPECT(bench.completions.back().slot == 4 && bench.engine().in_flight() == 1);
}

TEST("a timer with a timeout ends by whichever is first") {
  Bench bench;
  SubmissionRecord& longer = bench.Prepare(1, Opcode::kTimer, kSubmitTimeout);
  SetTimer(longer, 20'000);
  SetTimeout(longer, 1000);
  SubmissionRecord& shorter = bench.Prepare(2, Opcode::kTimer, kSubmitTimeout);
  SetTimer(shorter, 1000);
  SetTimeout(shorter, 20'000);
  // The later of the two times passes too, and nobody hears of it.
  SetTimer(bench.Prepare(3, Opcode::kTimer), 40'000);
  EXPECT(bench.Run(3));
  EXPECT(bench.Only(1)->result == -ECANCELED && bench.Only(1)->flags == kCompletionTimedOut);
  EXPECT(bench.Only(2)->result == 0 && bench.Only(2)->flags == 0);
}

TEST("the time of a member of a chain counts from its own start, and what is behind it is canceled with it") {
  Bench bench;
  const auto pair = bench.Connection();
  SetTimer(bench.Prepare(1, Opcode::kTimer, kSubmitLink), 20'000);
  SetTimeout(bench.Move(2, Opcode::kReceive, pair.far, 2, 10, 0, kSubmitLink | kSubmitTimeout), 10'000);
  bench.Prepare(3, Opcode::kNop);
  EXPECT(bench.Run(3));
  EXPECT((bench.Order() == Order{1, 2, 3}) && bench.ResultOf(1) == 0);
  EXPECT(bench.Only(2)->flags == kCompletionTimedOut && bench.Only(3)->result == -ECANCELED);
  EXPECT(bench.Only(3)->flags == 0);
}

TEST("what a thread is in when its time is up runs to its end") {
  Bench bench;
  HangingRead hanging(bench, 1, kSubmitTimeout);
  if (!hanging.hangs()) return;
  SetTimeout(hanging.record(), 100'000);
  bench.Submit();
  EXPECT(hanging.IsBegun());
  SetTimer(bench.Prepare(2, Opcode::kTimer), 150'000);
  EXPECT(bench.Run(1));
  EXPECT((bench.Order() == Order{2}));
  hanging.LetGo();
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.Only(1)->result > 0 && (bench.Only(1)->flags & kCompletionTimedOut) == 0);
}

// --- splices --------------------------------------------------------------------------------------------------------

inline void SetSplice(SubmissionRecord& record, Bench::Handle to, uint32_t bytes, int64_t from_position = -1,
                      int64_t to_position = -1) {
  record.second_handle_index = to.index;
  record.second_handle_generation = to.generation;
  record.length = bytes;
  Bench::SetPosition(record, from_position);
  Bench::SetArgument(record, to_position);
}

TEST("bytes go from a connection through a pipe into a file, and back into a connection") {
  Scratch scratch;
  Bench bench;
  const auto pair = bench.Connection();
  const auto pipe = bench.Pipe();
  const auto file = bench.OpenFile(scratch / "f", kOpenRead | kOpenWrite | kOpenCreate);
  SetSplice(bench.On(1, Opcode::kSplice, pair.far), pipe.far, 100);
  SetSplice(bench.On(2, Opcode::kSplice, pipe.near), file, 100, -1, 3);
  bench.Submit();
  EXPECT(bench.completions.empty());
  bench.Fill(0, "spliced");
  bench.Move(3, Opcode::kSend, pair.near, 0, 7);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(1) == 7 && bench.ResultOf(2) == 7);
  EXPECT(Content(scratch / "f") == std::string("\0\0\0spliced", 10));
  SetSplice(bench.On(4, Opcode::kSplice, file), pipe.far, 100, 5);
  SetSplice(bench.On(5, Opcode::kSplice, pipe.near), pair.far, 100);
  bench.Move(6, Opcode::kReceive, pair.near, 6, 100);
  EXPECT(bench.Run(6));
  EXPECT(bench.ResultOf(4) == 5 && bench.ResultOf(5) == 5 && bench.Bytes(6, 5) == "liced");
}

TEST("a splice waits for its destination when that is full, and can be canceled there") {
  Scratch scratch;
  Bench bench;
  const auto pipe = bench.Pipe(4096);
  const auto file = bench.OpenFile(scratch.Write("f", std::string(8192, 'f')), kOpenRead);
  bench.Move(1, Opcode::kWrite, pipe.far, 0, 4096);
  SetSplice(bench.On(2, Opcode::kSplice, file), pipe.far, 4096, 0);
  SetSplice(bench.On(3, Opcode::kSplice, file), pipe.far, 4096, 4096);
  EXPECT(bench.Run(1));
  bench.Settle();
  EXPECT((bench.Order() == Order{1}));
  bench.CancelSlot(4, 2);
  bench.Submit();
  EXPECT(bench.ResultOf(2) == -ECANCELED);
  bench.Move(5, Opcode::kRead, pipe.near, 5, 4096);
  EXPECT(bench.Run(5));
  EXPECT(bench.ResultOf(3) == 4096 && bench.ResultOf(5) == 4096);
}

TEST("a splice and the reads of the same pipe are served in the order they came") {
  Bench bench;
  const auto pipe = bench.Pipe();
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kRead, pipe.near, 1, 2);
  SetSplice(bench.On(2, Opcode::kSplice, pipe.near), pair.near, 2);
  bench.Move(3, Opcode::kRead, pipe.near, 3, 2);
  bench.Submit();
  bench.Fill(0, "aabbcc");
  bench.Move(4, Opcode::kWrite, pipe.far, 0, 6);
  bench.Move(5, Opcode::kReceive, pair.far, 5, 10);
  EXPECT(bench.Run(5));
  EXPECT(bench.Bytes(1, 2) == "aa" && bench.Bytes(5, 2) == "bb" && bench.Bytes(3, 2) == "cc");
}

TEST("a splice does not overtake a read that waits, though there are bytes by now") {
  Bench bench;
  const auto pipe = bench.Pipe();
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kRead, pipe.near, 1, 2);
  bench.Submit();
  bench.Fill(0, "aabb");
  bench.Move(2, Opcode::kWrite, pipe.far, 0, 4);
  SetSplice(bench.On(3, Opcode::kSplice, pipe.near), pair.near, 2);
  bench.Move(4, Opcode::kReceive, pair.far, 4, 10);
  EXPECT(bench.Run(4));
  EXPECT(bench.Bytes(1, 2) == "aa" && bench.Bytes(4, 2) == "bb");
}

TEST("a splice that a thread could not make, because another one was faster, waits for room") {
  Scratch scratch;
  Bench bench({.threads_max = 1});
  const auto pipe = bench.Pipe(4096);
  const auto file = bench.OpenFile(scratch.Write("f", std::string(8192, 'f')), kOpenRead);
  SetSplice(bench.On(1, Opcode::kSplice, file), pipe.far, 4096, 0);
  SetSplice(bench.On(2, Opcode::kSplice, file), pipe.far, 4096, 4096);
  EXPECT(bench.Run(1));
  bench.Settle();
  EXPECT(bench.completions.size() == 1 && bench.ResultOf(1) == 4096);
  bench.Move(3, Opcode::kRead, pipe.near, 3, 4096);
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(2) == 4096);
}

TEST("a splice tells the end of its source, and what cannot be spliced is refused") {
  Scratch scratch;
  Bench bench;
  const auto pipe = bench.Pipe();
  const auto pair = bench.Connection();
  const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
  bench.On(1, Opcode::kShutdown, pair.near).argument0 = 1;
  SetSplice(bench.On(2, Opcode::kSplice, pair.far), pipe.far, 10);
  SetSplice(bench.On(3, Opcode::kSplice, file), pair.far, 10, 0);
  SetSplice(bench.On(4, Opcode::kSplice, pipe.near), pipe.near, 10);
  SetSplice(bench.On(5, Opcode::kSplice, pipe.near), {99, 1}, 10);
  EXPECT(bench.Run(5));
  EXPECT(bench.ResultOf(2) == 0 && bench.ResultOf(3) == -EINVAL);
  EXPECT(bench.ResultOf(4) == -EINVAL && bench.ResultOf(5) == -EBADF);
}

}  // namespace baton::epoll::test::chain_cases

#endif  // BATON_EPOLL_TEST_ENGINE_CHAIN_CASES_H_
