// Sockets and pipes: order, waiting, hang-ups, cancels, and descriptors that are used again.
#ifndef BATON_EPOLL_TEST_ENGINE_SOCKET_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_SOCKET_CASES_H_

#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "bench.h"

namespace baton::epoll::test::socket_cases {

using Order = std::vector<uint32_t>;

// Sends until the socket takes no more; how many bytes that was.
inline uint64_t FillUp(Bench& bench, Bench::Handle socket, uint32_t slot) {
  uint64_t bytes = 0;
  for (;;) {
    bench.Move(slot, Opcode::kSend, socket, 60, 4096);
    const size_t before = bench.completions.size();
    bench.Submit();
    if (bench.completions.size() == before) return bytes;
    bytes += static_cast<uint64_t>(bench.completions.back().result);
    bench.completions.pop_back();
    bench.NextGeneration(slot);
  }
}

TEST("receives that wait are served in the order they came, each with its own bytes") {
  Bench bench;
  const auto pair = bench.Connection();
  for (uint32_t slot = 1; slot <= 3; slot++) bench.Move(slot, Opcode::kReceive, pair.far, slot, 2);
  bench.Submit();
  EXPECT(bench.completions.empty() && bench.engine().in_flight() == 3);
  bench.Fill(0, "aabbcc");
  bench.Move(9, Opcode::kSend, pair.near, 0, 6);
  EXPECT(bench.Run(4));
  EXPECT((bench.Order() == Order{9, 1, 2, 3}));
  EXPECT(bench.Bytes(1, 2) == "aa" && bench.Bytes(2, 2) == "bb" && bench.Bytes(3, 2) == "cc");
}

TEST("a receive that comes later does not overtake one that waits, though there is something to receive") {
  Bench bench;
  const auto pair = bench.Pipe();
  bench.Move(1, Opcode::kRead, pair.near, 1, 1);
  bench.Submit();
  bench.Fill(0, "xy");
  bench.Move(2, Opcode::kWrite, pair.far, 0, 2);
  bench.Move(3, Opcode::kRead, pair.near, 3, 1);
  EXPECT(bench.Run(3));
  EXPECT((bench.Order() == Order{2, 1, 3}) && bench.Bytes(1, 1) == "x" && bench.Bytes(3, 1) == "y");
}

TEST("a receive on a socket does not overtake one that waits either") {
  Bench bench;
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kReceive, pair.far, 1, 1);
  bench.Submit();
  bench.Fill(0, "xy");
  bench.Move(2, Opcode::kSend, pair.near, 0, 2);
  bench.Move(3, Opcode::kReceive, pair.far, 3, 1);
  EXPECT(bench.Run(3));
  EXPECT((bench.Order() == Order{2, 1, 3}) && bench.Bytes(1, 1) == "x" && bench.Bytes(3, 1) == "y");
}

TEST("a receive that waits is canceled at once, and takes no byte from the next one") {
  Bench bench;
  const auto pair = bench.Connection();
  for (uint32_t slot = 1; slot <= 3; slot++) bench.Move(slot, Opcode::kReceive, pair.far, slot, 10);
  bench.Submit();
  bench.CancelSlot(4, 2);
  bench.CancelSlot(5, 1);
  bench.Submit();
  EXPECT(bench.ResultOf(1) == -ECANCELED && bench.ResultOf(2) == -ECANCELED);
  bench.Fill(0, "late");
  bench.Move(6, Opcode::kSend, pair.near, 0, 4);
  EXPECT(bench.Run(6));
  EXPECT(bench.ResultOf(3) == 4 && bench.Bytes(3, 4) == "late");
}

TEST("sends wait when the peer does not read, and go on in order when it does") {
  Bench bench;
  const auto pair = bench.Connection();
  const uint64_t filled = FillUp(bench, pair.near, 1);
  bench.Fill(0, "ZZ");
  bench.Move(2, Opcode::kSend, pair.near, 0, 2);
  bench.Submit();
  EXPECT(bench.completions.empty());
  uint64_t received = 0;
  uint32_t slot = 100;
  std::string last;
  while (received < filled + 4096 + 2) {
    bench.Move(slot, Opcode::kReceive, pair.far, 3, 4096);
    const CompletionRecord answer = bench.Ask(slot);
    if (answer.result <= 0) break;
    received += static_cast<uint64_t>(answer.result);
    last = bench.Bytes(3, static_cast<size_t>(answer.result));
    // What the sends answered came with it: they are told of once.
    if (bench.engine().in_flight() == 0 && received > filled + 4096) break;
  }
  EXPECT(received == filled + 4096 + 2 && last.substr(last.size() - 2) == "ZZ");
}

TEST("the peer's end of its side is 0, and the other side goes on") {
  Bench bench;
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kReceive, pair.far, 1, 10);
  bench.On(2, Opcode::kShutdown, pair.near).argument0 = 1;
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(1) == 0 && bench.ResultOf(2) == 0);
  bench.Fill(0, "back");
  bench.Move(3, Opcode::kSend, pair.far, 0, 4);
  bench.Move(4, Opcode::kReceive, pair.near, 4, 10);
  EXPECT(bench.Run(4));
  EXPECT(bench.ResultOf(3) == 4 && bench.Bytes(4, 4) == "back");
}

TEST("a connection that is reset ends everything that waits on it, on both sides") {
  Bench bench;
  const auto pair = bench.Connection();
  (void)FillUp(bench, pair.near, 1);
  bench.Move(2, Opcode::kReceive, pair.near, 2, 10);
  bench.Submit();
  // Closing with bytes unread resets.
  bench.CloseHandle(pair.far);
  EXPECT(bench.WaitFor(2));
  EXPECT(bench.completions.size() == 2 && bench.ResultOf(1) < 0 && bench.ResultOf(2) <= 0);
  EXPECT(std::ranges::any_of(bench.completions, [](const auto& one) { return one.result == -ECONNRESET; }));
}

TEST("a reading end whose writers are gone is at its end, a writing end without readers is EPIPE") {
  Bench bench;
  const auto first = bench.Pipe();
  bench.Move(1, Opcode::kRead, first.near, 1, 10);
  bench.Submit();
  bench.CloseHandle(first.far);
  EXPECT(bench.WaitFor(1));
  EXPECT(bench.ResultOf(1) == 0);
  const auto second = bench.Pipe();
  bench.CloseHandle(second.near);
  bench.Move(2, Opcode::kWrite, second.far, 0, 1);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(2) == -EPIPE);
}

TEST("a connection that nobody accepts is refused with the socket's own error") {
  Bench bench;
  uint32_t port;
  const auto listener = bench.Listener(&port);
  bench.CloseHandle(listener);
  SubmissionRecord& connect = bench.Prepare(1, Opcode::kConnect);
  bench.SetLoopback(1, connect, port);
  const int before = NextFd();
  EXPECT(bench.Run(1));
  EXPECT(bench.ResultOf(1) == -ECONNREFUSED && NextFd() == before && bench.engine().in_flight() == 0);
}

TEST("without descriptors accept says so and rests, and the connections are there when some are free") {
  for (const bool multishot : {false, true}) {
    Bench bench;
    uint32_t port;
    const auto listener = bench.Listener(&port);
    bench.On(1, Opcode::kAccept, listener, multishot ? kSubmitMultishot : 0);
    bench.Submit();
    SubmissionRecord& connect = bench.Prepare(2, Opcode::kConnect);
    bench.SetLoopback(2, connect, port);
    rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    // Room for the connecting socket alone.
    const rlimit none{static_cast<rlim_t>(NextFd()) + 1, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    EXPECT(bench.Run(2));
    EXPECT(bench.ResultOf(1) == -EMFILE && (bench.Only(1)->flags & kCompletionMore) == 0);
    // Nothing announces itself again and again meanwhile.
    pollfd descriptor{bench.engine().pollable_fd(), POLLIN, 0};
    while (::poll(&descriptor, 1, 0) > 0) EXPECT(bench.engine().Reap() == 0 && bench.completions.size() == 2);
    EXPECT(::poll(&descriptor, 1, 100) == 0);
    setrlimit(RLIMIT_NOFILE, &before);
    bench.On(3, Opcode::kAccept, listener);
    EXPECT(bench.Run(3));
    EXPECT(bench.ResultOf(3) >= 0);
  }
}

TEST("a multishot accept takes connection after connection until it is canceled") {
  Bench bench;
  uint32_t port;
  const auto listener = bench.Listener(&port, 1024);
  bench.On(1, Opcode::kAccept, listener, kSubmitMultishot);
  for (uint32_t slot = 10; slot < 60; slot++) {
    SubmissionRecord& connect = bench.Prepare(slot, Opcode::kConnect);
    bench.SetLoopback(slot, connect, port);
  }
  EXPECT(bench.Run(100));
  const auto accepted = std::ranges::count_if(bench.completions, [](const auto& one) {
    return one.slot == 1 && one.result >= 0 && (one.flags & kCompletionMore) != 0;
  });
  EXPECT(accepted == 50);
  bench.CancelSlot(2, 1);
  bench.Submit();
  EXPECT(bench.completions.size() == 102);
  EXPECT(std::ranges::count_if(bench.completions, [](const auto& one) {
           return one.slot == 1 && one.result == -ECANCELED && (one.flags & kCompletionMore) == 0;
         }) == 1);
}

TEST("more connections than one turn takes are taken in the next turns, without another event") {
  Bench bench;
  uint32_t port;
  const auto listener = bench.Listener(&port, 1000);
  for (uint32_t slot = 10; slot < 410; slot++) {
    SubmissionRecord& connect = bench.Prepare(slot, Opcode::kConnect);
    bench.SetLoopback(slot, connect, port);
  }
  EXPECT(bench.Run(400));
  bench.On(1, Opcode::kAccept, listener, kSubmitMultishot);
  bench.Submit();
  EXPECT(bench.engine().has_unsubmitted() && bench.completions.size() == 400 + 256);
  (void)bench.engine().Reap();
  EXPECT(!bench.engine().has_unsubmitted());
  EXPECT(bench.engine().shared().control(kControlCompletionCount) == 144);
}

TEST(
    "a receive into a provided buffer waits without a buffer, takes one when bytes come, and fills no more than it "
    "may") {
  Bench bench;
  const auto pair = bench.Connection();
  SubmissionRecord& first = bench.On(1, Opcode::kReceive, pair.far, kSubmitProvidedBuffer);
  first.length = 4096;
  bench.Submit();
  EXPECT(bench.completions.empty());
  bench.Fill(0, "hello");
  bench.Move(2, Opcode::kSend, pair.near, 0, 5);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(1) == -ENOBUFS);
  bench.Provide({7, 8}, 3);
  SubmissionRecord& second = bench.On(3, Opcode::kReceive, pair.far, kSubmitProvidedBuffer);
  second.length = 4096;
  EXPECT(bench.Run(3));
  EXPECT(bench.ResultOf(3) == 3 && bench.Bytes(8, 3) == "hel");
  EXPECT(bench.Only(3)->flags == (8U << kAuxiliaryShift | kCompletionProvidedBuffer));
}

TEST("a multishot receive fills buffer after buffer until there is none, and says so in its last completion") {
  Bench bench;
  const auto pair = bench.Connection();
  bench.Provide({10, 11, 12}, 4);
  bench.On(1, Opcode::kReceive, pair.far, kSubmitMultishot | kSubmitProvidedBuffer);
  bench.Submit();
  EXPECT(bench.completions.empty());
  bench.Fill(0, "aaaabbbbccccdd");
  bench.Move(2, Opcode::kSend, pair.near, 0, 14);
  EXPECT(bench.Run(5));
  EXPECT((bench.Order() == Order{2, 1, 1, 1, 1}));
  std::string received;
  for (size_t index = 1; index < 4; index++) {
    const CompletionRecord& one = bench.completions[index];
    EXPECT(one.result == 4 && (one.flags & (kCompletionMore | kCompletionProvidedBuffer)) == 3);
    received += bench.Bytes(one.flags >> kAuxiliaryShift, 4);
  }
  EXPECT(received == "aaaabbbbcccc" && bench.completions[4].result == -ENOBUFS && bench.completions[4].flags == 0);
  // What is left is for the next, which ends with the peer's side.
  bench.NextGeneration(1);
  bench.Provide({10, 11});
  bench.On(1, Opcode::kReceive, pair.far, kSubmitMultishot | kSubmitProvidedBuffer);
  bench.On(3, Opcode::kShutdown, pair.near).argument0 = 1;
  EXPECT(bench.Run(8));
  EXPECT(bench.completions[5].result == 2 && bench.completions.back().result == 0);
  EXPECT((bench.completions.back().flags & kCompletionMore) == 0 && bench.engine().in_flight() == 0);
}

TEST("poll tells what is ready without taking it, and waits when nothing is") {
  Bench bench;
  const auto pair = bench.Connection();
  bench.On(1, Opcode::kPoll, pair.far).argument0 = kPollReadable | kPollWritable;
  bench.On(2, Opcode::kPoll, pair.far).argument0 = kPollReadable;
  bench.On(3, Opcode::kPoll, pair.far).argument0 = kPollReadable;
  bench.Move(4, Opcode::kReceive, pair.far, 4, 10);
  bench.Submit();
  EXPECT(bench.ResultOf(1) == static_cast<int32_t>(kPollWritable) && bench.completions.size() == 1);
  bench.CancelSlot(5, 3);
  bench.Fill(0, "x");
  bench.Move(6, Opcode::kSend, pair.near, 0, 1);
  EXPECT(bench.Run(6));
  EXPECT(bench.ResultOf(2) == static_cast<int32_t>(kPollReadable) && bench.ResultOf(3) == -ECANCELED);
  EXPECT(bench.ResultOf(4) == 1);
}

TEST("an event for a descriptor that was closed never reaches the one that took its number") {
  Bench bench;
  const auto old = bench.Connection();
  bench.Move(1, Opcode::kReceive, old.far, 1, 10);
  bench.Submit();
  bench.Fill(0, "old");
  bench.Move(2, Opcode::kSend, old.near, 0, 3);
  bench.CancelSlot(3, 1);
  bench.On(4, Opcode::kClose, old.far);
  bench.Submit();
  // The event of the bytes is there, but its descriptor's number is another's now.
  const auto fresh = bench.Connection();
  bench.Move(5, Opcode::kReceive, fresh.near, 5, 10);
  bench.Move(6, Opcode::kReceive, fresh.far, 6, 10);
  bench.Submit();
  bench.Settle();
  EXPECT(bench.ResultOf(1) == -ECANCELED && bench.ResultOf(4) == 0);
  EXPECT(bench.Only(5) == nullptr && bench.Only(6) == nullptr && bench.engine().in_flight() == 2);
}

TEST("events that were taken with the closing of their handle in between are dropped") {
  Bench bench;
  const auto first = bench.Connection();
  const auto second = bench.Connection();
  bench.Move(1, Opcode::kReceive, first.far, 1, 10);
  bench.Move(2, Opcode::kReceive, second.far, 2, 10);
  bench.On(3, Opcode::kClose, first.far);
  bench.Submit();
  EXPECT(bench.completions.empty());
  bench.Fill(0, "bytes");
  bench.Move(4, Opcode::kSend, first.near, 0, 5);
  bench.Move(5, Opcode::kSend, second.near, 0, 5);
  EXPECT(bench.Run(5));
  EXPECT(bench.ResultOf(1) == 5 && bench.ResultOf(2) == 5 && bench.ResultOf(3) == 0);
}

TEST("a socket that somebody else holds too brings no event once its handle is closed") {
  Bench bench;
  const auto pair = bench.Connection();
  bench.Move(1, Opcode::kReceive, pair.far, 1, 10);
  bench.Submit();
  std::vector<int> held;
  for (int fd = 3; fd < 64; fd++) {
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode)) held.push_back(dup(fd));
  }
  bench.CancelSlot(2, 1);
  bench.On(3, Opcode::kClose, pair.far);
  EXPECT(bench.Run(3));
  bench.Settle();
  bench.Fill(0, "x");
  bench.Move(4, Opcode::kSend, pair.near, 0, 1);
  EXPECT(bench.Run(4));
  usleep(10'000);
  pollfd descriptor{bench.engine().pollable_fd(), POLLIN, 0};
  EXPECT(held.size() >= 2 && ::poll(&descriptor, 1, 0) == 0);
  for (const int fd : held) close(fd);
}

}  // namespace baton::epoll::test::socket_cases

#endif  // BATON_EPOLL_TEST_ENGINE_SOCKET_CASES_H_
