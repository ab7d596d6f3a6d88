// Descriptors of the program's own, on the ring.
#include "adopting.h"
#include "bench.h"
#include "harness.h"

using namespace baton::test;
using baton::uring::test::Bench;

TEST("a read of an adopted eventfd waits for its event, also where it came in non-blocking mode") {
  WaitsForEvent<Bench>(0);
  WaitsForEvent<Bench>(EFD_NONBLOCK);
}
// mutant: adopted-at-a-position-it-has-not
TEST("a read of an adopted inotify waits for something to happen, also where it came in non-blocking mode") {
  WaitsForNotice<Bench>(0);
  WaitsForNotice<Bench>(IN_NONBLOCK);
}
TEST("who shares an adopted pipe keeps its mode") { LeavesTheModeOfPipes<Bench>(); }
TEST("who shares an adopted terminal keeps its mode") { LeavesTheModeOfTerminals<Bench>(); }
TEST("the master of a terminal is adopted as it is") { KeepsTheMaster<Bench>(); }
TEST("a descriptor that is refused is as it was") { LeavesWhatItRefuses<Bench>(); }

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
