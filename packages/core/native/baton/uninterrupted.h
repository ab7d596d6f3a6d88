// A signal that comes in the middle of a system call is no answer to it.
#ifndef BATON_UNINTERRUPTED_H_
#define BATON_UNINTERRUPTED_H_

#include <cerrno>
#include <cstdint>

namespace baton {

// Repeats a call that a signal interrupted; its result, or a negative errno.
template <typename Call>
int64_t Uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return static_cast<int64_t>(result);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace baton

#endif  // BATON_UNINTERRUPTED_H_
