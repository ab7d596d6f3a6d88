// The end of an environment with several sessions: one deadline for all of them.
#include "baton/environment_end.h"

#include <unistd.h>

#include "harness.h"

using namespace baton;

namespace {

struct FakeSession {
  int begun = 0;
  void BeginEnd() { begun++; }
};
using Ending = EnvironmentEnd<FakeSession>;

// The clean-up hook of a session that waits as long as it may, at most so long.
uint64_t RunHook(FakeSession& session, useconds_t waits_us) {
  Ending& ending = Ending::OfThisThread();
  const uint64_t left_ms = ending.Begin();
  ending.Remove(&session);
  usleep(waits_us);
  ending.Finish();
  return left_ms;
}

}  // namespace

// mutant: each-session-has-its-own-deadline
TEST("the first hook asks all sessions to end, and each waits for what is left of one deadline") {
  FakeSession sessions[3];
  for (FakeSession& session : sessions) Ending::OfThisThread().Add(&session);
  const auto deadline_ms = static_cast<uint64_t>(kCleanupDeadline.count());
  const uint64_t first = RunHook(sessions[0], 300'000);
  EXPECT(first > deadline_ms - 200 && first <= deadline_ms);
  for (const FakeSession& session : sessions) EXPECT(session.begun == 1);
  const uint64_t second = RunHook(sessions[1], 2'000'000);
  EXPECT(second <= deadline_ms - 300);
  // Nothing is left, and it is asked what has ended meanwhile.
  EXPECT(RunHook(sessions[2], 0) == 0);
}

TEST("the next environment of the thread has a deadline of its own, and a session that was closed is not asked") {
  FakeSession closed, open;
  Ending::OfThisThread().Add(&closed);
  Ending::OfThisThread().Add(&open);
  Ending::OfThisThread().Remove(&closed);
  EXPECT(RunHook(open, 0) > static_cast<uint64_t>(kCleanupDeadline.count()) - 200);
  EXPECT(closed.begun == 0 && open.begun == 1);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
