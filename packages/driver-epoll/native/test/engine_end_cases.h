// How a session ends: everything that waits is canceled, what threads are in is waited for until the deadline, and
// what is not confirmed by then is kept.
#ifndef BATON_EPOLL_TEST_ENGINE_END_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_END_CASES_H_

#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "bench.h"
#include "hanging.h"

namespace baton::epoll::test::end_cases {

inline int64_t ElapsedMs(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since).count();
}

TEST("the end cancels what waits, at once, and closes every descriptor") {
  const int before = NextFd();
  {
    Scratch scratch;
    Bench bench;
    const auto pair = bench.Connection();
    const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
    uint32_t port;
    const auto listener = bench.Listener(&port);
    for (uint32_t slot = 1; slot <= 20; slot++) bench.Move(slot, Opcode::kReceive, pair.far, slot, 10);
    bench.On(21, Opcode::kAccept, listener, kSubmitMultishot);
    Bench::SetPosition(bench.Prepare(22, Opcode::kTimer, kSubmitLink), 60'000'000);
    bench.Move(23, Opcode::kRead, file, 23, 1);
    bench.On(24, Opcode::kPoll, pair.near).argument0 = kPollReadable;
    bench.On(25, Opcode::kClose, pair.far);
    bench.Submit();
    EXPECT(bench.engine().in_flight() == 25);
    const auto start = std::chrono::steady_clock::now();
    EXPECT(bench.engine().Shutdown(5000) == 0);
    EXPECT(bench.engine().in_flight() == 0 && ElapsedMs(start) < 1000);
  }
  EXPECT(NextFd() == before);
}

inline int64_t PageFaults() {
  rusage usage;
  EXPECT(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt;
}

// mutant: epoll-end-touches-all-slots
TEST("the end looks at slots that were used, and touches the memory of no other") {
  Bench bench({.slots = 1 << 18});
  Bench::SetPosition(bench.Prepare(1, Opcode::kTimer), 60'000'000);
  bench.Submit();
  const int64_t before = PageFaults();
  EXPECT(bench.engine().Shutdown(5000) == 0 && bench.engine().quarantined_bytes() == 0);
  EXPECT(bench.engine().in_flight() == 0 && PageFaults() - before < 1000);
}

TEST("the end waits for a call that a thread is in") {
  const int before = NextFd();
  {
    Bench bench;
    HangingRead hanging(bench, 1);
    if (!hanging.hangs()) return;
    bench.Submit();
    EXPECT(hanging.IsBegun());
    std::thread later([&hanging] {
      usleep(50'000);
      hanging.LetGo();
    });
    const auto start = std::chrono::steady_clock::now();
    EXPECT(bench.engine().Shutdown(5000) == 0);
    EXPECT(ElapsedMs(start) >= 40 && bench.engine().in_flight() == 0);
    later.join();
  }
  EXPECT(NextFd() == before);
}

TEST("a close that no thread has begun is made before the session ends") {
  const int before = NextFd();
  {
    Scratch scratch;
    Bench bench({.threads_max = 1});
    const auto file = bench.OpenFile(scratch.Write("f", "x"), kOpenRead);
    bench.On(1, Opcode::kFsync, file);
    bench.On(2, Opcode::kClose, file);
    bench.Submit();
    EXPECT(bench.engine().Shutdown(5000) == 0);
  }
  EXPECT(NextFd() == before);
}

TEST(
    "a thread that hangs does not hold up the end: its operation is counted and its memory kept, its file stays open") {
  // Kept for ever, as the border keeps it: a thread may write to its memory at any time.
  static baton::test::EngineBench<Engine>* bench;
  bench = new baton::test::EngineBench<Engine>(MakeEngine({.threads_max = 2}));
  Engine* engine = &bench->engine();
  const uint32_t number = engine->buffers().Allocate(8192, 1, {}).Take();
  uint8_t* memory = bench->Buffer(number);
  HangingMemory hanging(memory, 8192);
  if (!hanging.hangs()) return;
  const CompletionRecord file = bench->Open("/proc/version", kOpenRead);
  SubmissionRecord& read = bench->Prepare(1, Opcode::kRead);
  bench->Use(read, file);
  read.buffer = static_cast<int32_t>(number);
  read.length = 5000;
  bench->Submit();
  EXPECT(hanging.IsTouched());
  const int fd = NextFd() - 1;
  const auto start = std::chrono::steady_clock::now();
  EXPECT(engine->Shutdown(100) == 1);
  EXPECT(ElapsedMs(start) >= 95 && ElapsedMs(start) < 1000);
  EXPECT(engine->in_flight() == 1 && engine->quarantined_bytes() == 5000);
  // The number of its file is nobody else's while the thread may still use it.
  EXPECT(NextFd() == fd + 1);
  hanging.LetGo();
  for (int rounds = 0; rounds < 1000 && memory[0] == 0; rounds++) usleep(1000);
  EXPECT(memory[0] == 'L');
}

TEST("a vector and a message in flight are quarantined with all their bytes") {
  Bench bench;
  const auto pair = bench.Pipe();
  SubmissionRecord& read = bench.On(1, Opcode::kReadv, pair.near);
  bench.SetVector(1, read, {{1, 0, 10}, {2, 0, 20}});
  SubmissionRecord& bind = bench.Prepare(2, Opcode::kDatagram);
  bench.SetLoopback(2, bind, 0);
  const auto socket = Bench::HandleOf(bench.Ask(2));
  SubmissionRecord& receive = bench.On(3, Opcode::kReceiveMessage, socket);
  bench.SetVector(3, receive, {{3, 0, 5}}, kMessageVectorAt);
  bench.Submit();
  EXPECT(bench.engine().quarantined_bytes() == 35);
}

TEST("completions beyond one batch are counted as waiting and fetched in order") {
  Bench bench({.completion_batch_max = 4});
  for (uint32_t slot = 0; slot < 30; slot++) bench.Prepare(slot, Opcode::kNop);
  bench.Submit();
  std::vector<uint32_t> order(30);
  for (uint32_t slot = 0; slot < 30; slot++) order[slot] = slot;
  EXPECT(bench.Order() == order);
}

}  // namespace baton::epoll::test::end_cases

#endif  // BATON_EPOLL_TEST_ENGINE_END_CASES_H_
