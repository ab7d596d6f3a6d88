// Assertions that stay on in production: a broken invariant here means memory is about to be lost or overwritten,
// and then stopping is the only safe answer. Operating errors are never checked this way; they are results.
#ifndef BATON_CHECK_H_
#define BATON_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace baton {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* text) {
  std::fprintf(stderr, "baton: %s:%d: CHECK(%s) failed\n", file, line, text);
  std::abort();
}

}  // namespace baton

#define BATON_CHECK(condition)                              \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::baton::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

#endif  // BATON_CHECK_H_
