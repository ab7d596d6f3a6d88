// A value, or a negative errno. Ignoring one does not compile.
#ifndef BATON_RESULT_H_
#define BATON_RESULT_H_

#include <utility>

#include "baton/check.h"

namespace baton {

template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value;` is the point.
  Result(T value) : value_(std::move(value)), error_(0) {}

  static Result Error(int negative_errno) {
    BATON_CHECK(negative_errno < 0);
    return Result(negative_errno, ErrorTag{});
  }

  bool ok() const { return error_ == 0; }
  // The negative errno, 0 when there is a value.
  int error() const { return error_; }

  T& value() {
    BATON_CHECK(ok());
    return value_;
  }
  T Take() {
    BATON_CHECK(ok());
    return std::move(value_);
  }

 private:
  struct ErrorTag {};
  Result(int error, ErrorTag) : value_(), error_(error) {}

  T value_;
  int error_;
};

}  // namespace baton

#endif  // BATON_RESULT_H_
