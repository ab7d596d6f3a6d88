// Descriptors of the program's own, by readiness.
#ifndef BATON_EPOLL_TEST_ENGINE_ADOPT_CASES_H_
#define BATON_EPOLL_TEST_ENGINE_ADOPT_CASES_H_

#include "adopting.h"
#include "bench.h"

namespace baton::epoll::test::adopt_cases {

TEST("a read of an adopted eventfd waits for its event, also where it came in blocking mode") {
  baton::test::WaitsForEvent<Bench>(0);
  baton::test::WaitsForEvent<Bench>(EFD_NONBLOCK);
}
// mutant: adopted-in-the-mode-it-came-in, adopted-at-a-position-it-has-not
TEST("a read of an adopted inotify waits for something to happen, also where it came in blocking mode") {
  baton::test::WaitsForNotice<Bench>(0);
  baton::test::WaitsForNotice<Bench>(IN_NONBLOCK);
}
// mutant: adopted-with-the-mode-of-others
TEST("who shares an adopted pipe keeps its mode") { baton::test::LeavesTheModeOfPipes<Bench>(); }
TEST("who shares an adopted terminal keeps its mode") { baton::test::LeavesTheModeOfTerminals<Bench>(); }
// mutant: master-opened-again
TEST("the master of a terminal is adopted as it is") { baton::test::KeepsTheMaster<Bench>(); }
TEST("a descriptor that is refused is as it was") { baton::test::LeavesWhatItRefuses<Bench>(); }

}  // namespace baton::epoll::test::adopt_cases

#endif  // BATON_EPOLL_TEST_ENGINE_ADOPT_CASES_H_
