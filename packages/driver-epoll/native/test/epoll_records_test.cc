// Records that nobody should write: what the engine makes of them.
#include "bench.h"
#include "engine_record_cases.h"
#include "harness.h"

using namespace baton::test;
using baton::epoll::test::Bench;

// mutant: epoll-slot-unchecked
TEST("a submission that names no free slot is passed over, and the others of its batch are done") {
  PassesOverNoFreeSlot<Bench>();
}

// mutant: epoll-chain-slots-unchecked
TEST("nothing of a chain starts that names a slot twice, or one that is in flight, or one that is not there") {
  RefusesChainsOfNoSlots<Bench>();
}

// mutant: epoll-area-looked-up-late
TEST("an answer goes where its area was at the start, whatever the record says by then") {
  KeepsTheAreaOfTheStart<Bench>();
}

// mutant: epoll-held-record-trusted
TEST("a member of a chain whose record has become another by its turn is refused") { RefusesChangedMembers<Bench>(); }

int main(int argc, char** argv) { return RunAll(argc, argv); }
