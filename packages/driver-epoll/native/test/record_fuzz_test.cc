// Random records against the epoll engine.
#include "record_fuzz.h"

#include "bench.h"
#include "harness.h"

TEST("whatever a record says, memory is not damaged, and what was taken ends") {
  EXPECT(baton::test::FuzzRecords<baton::epoll::test::Bench>(baton::test::FuzzPlan::FromEnvironment()));
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
