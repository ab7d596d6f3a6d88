// One count on what counts by itself (`Ref`, `Unref`), on one thread.
#ifndef BATON_COUNTED_REF_H_
#define BATON_COUNTED_REF_H_

#include <utility>

namespace baton {

template <typename T>
class CountedRef {
 public:
  CountedRef() = default;
  explicit CountedRef(T* counted) : counted_(counted) {
    if (counted_ != nullptr) counted_->Ref();
  }
  // Takes over a count that exists already.
  static CountedRef Adopt(T* counted) {
    CountedRef ref;
    ref.counted_ = counted;
    return ref;
  }
  CountedRef(CountedRef&& other) noexcept : counted_(std::exchange(other.counted_, nullptr)) {}
  CountedRef& operator=(CountedRef&& other) noexcept {
    if (this != &other) {
      Reset();
      counted_ = std::exchange(other.counted_, nullptr);
    }
    return *this;
  }
  CountedRef(const CountedRef&) = delete;
  CountedRef& operator=(const CountedRef&) = delete;
  ~CountedRef() { Reset(); }

  T* get() const { return counted_; }
  // The count is never given back: what it counts on lives for ever.
  void Leak() { counted_ = nullptr; }
  void Reset() {
    if (counted_ != nullptr) std::exchange(counted_, nullptr)->Unref();
  }

 private:
  T* counted_ = nullptr;
};

}  // namespace baton

#endif  // BATON_COUNTED_REF_H_
