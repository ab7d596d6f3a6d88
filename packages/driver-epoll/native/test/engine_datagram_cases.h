// Datagrams, and the Unix-domain sockets that no event tells of.
#ifndef BATON_EPOLL_TEST_ENGINE_DATAGRAM_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_DATAGRAM_CASES_H_

#include <chrono>
#include <vector>

#include "bench.h"

namespace baton::epoll::test::datagram_cases {

TEST("datagrams keep their boundaries, say who sent them and whether they were cut") {
  Bench bench;
  const auto bind = [&](uint32_t slot, uint32_t* port) {
    SubmissionRecord& record = bench.Prepare(slot, Opcode::kDatagram);
    bench.SetLoopback(slot, record, 0);
    const auto handle = Bench::HandleOf(bench.Ask(slot));
    std::memcpy(port, bench.Arena(bench.AreaOf(slot)) + 4, sizeof(*port));
    return handle;
  };
  uint32_t near_port;
  uint32_t far_port;
  const auto near = bind(1, &near_port);
  const auto far = bind(2, &far_port);
  for (uint32_t slot = 3; slot <= 4; slot++) {
    SubmissionRecord& receive = bench.On(slot, Opcode::kReceiveMessage, far);
    bench.SetVector(slot, receive, {{slot, 0, 2}, {slot, 10, 2}}, kMessageVectorAt);
  }
  bench.Submit();
  EXPECT(bench.completions.empty());
  for (uint32_t slot = 5; slot <= 6; slot++) {
    bench.Fill(slot, slot == 5 ? "abc" : "defgh");
    SubmissionRecord& send = bench.On(slot, Opcode::kSendMessage, near);
    bench.SetLoopback(slot, send, far_port);
    bench.SetVector(slot, send, {{slot, 0, slot == 5 ? 3U : 5U}}, kMessageVectorAt);
  }
  EXPECT(bench.Run(4));
  EXPECT(bench.ResultOf(5) == 3 && bench.ResultOf(6) == 5 && bench.ResultOf(3) == 3);
  EXPECT(bench.ResultOf(4) == 4 && bench.Bytes(4, 2) == "de" && std::memcmp(bench.Buffer(4) + 10, "fg", 2) == 0);
  uint32_t words[kMessageFlagsAt / 4 + 1];
  std::memcpy(words, bench.Arena(bench.AreaOf(4)), sizeof(words));
  EXPECT(words[0] == kAddressFamilyIpv4 && words[1] == near_port);
  EXPECT(words[kMessageFlagsAt / 4] == kMessageTruncated);
}

TEST("what no event announces is tried again after a pause: a Unix-domain listener and receiver that are full") {
  Scratch scratch;
  Bench bench;
  SubmissionRecord& listen = bench.Prepare(1, Opcode::kListen);
  bench.SetUnix(1, listen, scratch / "s");
  listen.argument1 = 0;
  const auto listener = Bench::HandleOf(bench.Ask(1));
  for (uint32_t slot = 2; slot <= 4; slot++) {
    SubmissionRecord& connect = bench.Prepare(slot, Opcode::kConnect);
    bench.SetUnix(slot, connect, scratch / "s");
  }
  bench.Submit();
  const size_t connected = bench.completions.size();
  EXPECT(connected < 3 && bench.engine().in_flight() == 3 - connected);
  bench.On(5, Opcode::kAccept, listener, kSubmitMultishot);
  EXPECT(bench.Run(6));
  for (uint32_t slot = 2; slot <= 4; slot++) EXPECT(bench.ResultOf(slot) >= 0);

  SubmissionRecord& bind = bench.Prepare(6, Opcode::kDatagram);
  bench.SetUnix(6, bind, scratch / "d");
  const auto receiver = Bench::HandleOf(bench.Ask(6));
  // Several senders, so that the receiver's queue is full before the memory of any of them.
  std::vector<Bench::Handle> senders;
  for (const char* name : {"a", "b", "c", "e", "g", "h", "i", "j"}) {
    SubmissionRecord& other = bench.Prepare(7, Opcode::kDatagram);
    bench.SetUnix(7, other, scratch / name);
    senders.push_back(Bench::HandleOf(bench.Ask(7)));
  }
  bench.completions.clear();
  uint32_t sent = 100;
  while (bench.engine().in_flight() == 1 && sent < 3000) {
    SubmissionRecord& send = bench.On(sent, Opcode::kSendMessage, senders[sent % senders.size()]);
    bench.SetUnix(sent, send, scratch / "d");
    bench.SetVector(sent, send, {{0, 0, 1}}, kMessageVectorAt);
    sent++;
    bench.Submit();
  }
  EXPECT(bench.completions.size() == sent - 101);
  // It rests between its tries: an attempt that fails makes the sender's own socket announce itself.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(150);
  int wakes = 0;
  while (std::chrono::steady_clock::now() < end) {
    pollfd descriptor{bench.engine().pollable_fd(), POLLIN, 0};
    if (::poll(&descriptor, 1, 10) > 0) wakes++;
    EXPECT(bench.engine().Reap() == 0);
  }
  EXPECT(wakes > 0 && wakes < 40);
  SubmissionRecord& receive = bench.On(8, Opcode::kReceiveMessage, receiver);
  bench.SetVector(8, receive, {{1, 0, 1}}, kMessageVectorAt);
  EXPECT(bench.Run(sent - 99));
  EXPECT(bench.ResultOf(sent - 1) == 1 && bench.ResultOf(8) == 1);
}

}  // namespace baton::epoll::test::datagram_cases

#endif  // BATON_EPOLL_TEST_ENGINE_DATAGRAM_CASES_H_
