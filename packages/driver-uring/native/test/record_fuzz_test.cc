// Random records against the uring engine.
#include "record_fuzz.h"

#include "bench.h"
#include "harness.h"

TEST("whatever a record says, memory is not damaged, and what was taken ends") {
  EXPECT(baton::test::FuzzRecords<baton::uring::test::Bench>(baton::test::FuzzPlan::FromEnvironment()));
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
