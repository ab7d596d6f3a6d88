// The end of an environment (a worker, or the process's main thread) with several sessions open. Their clean-up hooks
// run one after the other, and each may have to wait for operations that hang; together they have one deadline. So the
// first hook asks all of them to end, and each waits for no longer than what is left.
#ifndef BATON_ENVIRONMENT_END_H_
#define BATON_ENVIRONMENT_END_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace baton {

// How long the end of an environment may take when operations do not end by themselves.
inline constexpr std::chrono::milliseconds kCleanupDeadline{2000};

// Lives with the environment's thread. `Session` has `BeginEnd`.
template <typename Session>
class EnvironmentEnd {
 public:
  using Clock = std::chrono::steady_clock;

  // The one of this thread: an environment never leaves its own.
  static EnvironmentEnd& OfThisThread() {
    thread_local EnvironmentEnd end;
    return end;
  }

  void Add(Session* session) { sessions_.push_back(session); }
  void Remove(Session* session) { std::erase(sessions_, session); }

  // A clean-up hook runs: asks every session to end when it is the first. Returns the milliseconds that are left.
  uint64_t Begin() {
    if (!deadline_.has_value()) {
      deadline_ = Clock::now() + kCleanupDeadline;
      for (Session* session : sessions_) session->BeginEnd();
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
    return static_cast<uint64_t>(std::max<int64_t>(left, 0));
  }

  // The hook is done. Behind the last one another environment may have this thread.
  void Finish() {
    if (sessions_.empty()) deadline_.reset();
  }

 private:
  std::vector<Session*> sessions_;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace baton

#endif  // BATON_ENVIRONMENT_END_H_
