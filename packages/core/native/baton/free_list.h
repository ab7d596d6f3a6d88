// Objects that serve one operation after another, and never move.
#ifndef BATON_FREE_LIST_H_
#define BATON_FREE_LIST_H_

#include <memory>
#include <vector>

namespace baton {

template <typename T>
class FreeList {
 public:
  T* Take() {
    if (free_.empty()) {
      all_.push_back(std::make_unique<T>());
      return all_.back().get();
    }
    T* object = free_.back();
    free_.pop_back();
    return object;
  }
  void Give(T* object) { free_.push_back(object); }

 private:
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
};

}  // namespace baton

#endif  // BATON_FREE_LIST_H_
