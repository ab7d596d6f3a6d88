// What an external ArrayBuffer has of a slab: one count, for as long as the ArrayBuffer's memory can be reached.
//
// When that is over, the runtime says so by running the finalizer, with three exceptions that are dealt with here:
// - The end of an environment runs all finalizers, also of memory that has left for another thread and is used there
//   (`ArrayBuffer.prototype.transfer`, then `postMessage`; a `transfer` that the program makes is seen by nobody). So
//   core marks the buffers of which the program can have views, in memory that can be read here when no JavaScript can
//   run any more; what is marked then keeps its slab for ever.
// - A creation that fails may have run the finalizer (Node 20 does for more than its ArrayBuffers can have) or not.
// - A buffer that is freed is reachable for nobody when it is not marked: its memory need not wait for a collection.
#ifndef BATON_LEASE_H_
#define BATON_LEASE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "baton/result.h"
#include "baton/slab.h"

namespace baton {

// One byte a buffer, by number: not 0 while the program can have views of it. Written by core. Copies share the bytes;
// without any, nothing is exposed.
class Exposures {
 public:
  Exposures() = default;
  Exposures(const Exposures& other) : slab_(other.slab_.get()) {}
  Exposures(Exposures&&) noexcept = default;
  Exposures& operator=(Exposures&&) noexcept = default;
  Exposures& operator=(const Exposures&) = delete;

  // Buffers with a higher number are taken for exposed.
  static constexpr size_t kNumbers = size_t{1} << 20;

  static Result<Exposures> Create() {
    auto slab = Slab::Create(kNumbers, 1, {});
    if (!slab.ok()) return Result<Exposures>::Error(slab.error());
    Exposures exposures;
    exposures.slab_ = SlabRef::Adopt(slab.value());
    return exposures;
  }

  Slab* slab() const { return slab_.get(); }
  bool IsExposed(uint32_t number) const {
    return slab_.get() != nullptr && (number >= kNumbers || slab_.get()->buffer(0)[number] != 0);
  }
  // The number is nobody's any more.
  void Clear(uint32_t number) {
    if (slab_.get() != nullptr && number < kNumbers) slab_.get()->buffer(0)[number] = 0;
  }

 private:
  SlabRef slab_;
};

// Counted by itself, and as small as can be: there is one for each buffer of a pool.
class Lease {
 public:
  // For memory that the program never sees.
  explicit Lease(Slab* slab) : slab_(slab) { slab->CountLease(true); }
  // For the buffer `number`.
  Lease(Slab* slab, const Exposures& exposures, uint32_t number) : slab_(slab), exposures_(exposures), number_(number) {
    slab->CountLease(true);
  }
  // One with a count of one, which is the caller's.
  template <typename... Arguments>
  static CountedRef<Lease> Create(Arguments&&... arguments) {
    return CountedRef<Lease>::Adopt(new Lease(std::forward<Arguments>(arguments)...));
  }
  void Ref() { count_++; }
  void Unref() {
    if (--count_ == 0) delete this;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { End(); }

  // Null when it has ended.
  Slab* slab() const { return slab_.get(); }

  // The memory cannot be reached through this lease any more. Harmless the second time.
  void End() {
    if (slab_.get() == nullptr) return;
    slab_.get()->CountLease(false);
    slab_.Reset();
  }

  // The buffer was freed. While the program may have views of it, they are what its slab waits for.
  void EndUnlessExposed() {
    if (!IsExposed()) return End();
    kept_exposed_ = true;
  }

  // The environment ends, and with it whatever has not left it. Whether something has cannot be asked any more.
  void EndOfEnvironment() {
    if (IsExposed()) slab_.Leak();
    End();
  }

 private:
  // The number may belong to another buffer when this one was freed.
  bool IsExposed() const { return slab_.get() != nullptr && (kept_exposed_ || exposures_.IsExposed(number_)); }

  SlabRef slab_;
  Exposures exposures_;
  uint32_t number_ = 0;
  // At most the table's, the finalizer's and one on the stack.
  uint16_t count_ = 1;
  bool kept_exposed_ = false;
};

using LeaseRef = CountedRef<Lease>;

}  // namespace baton

#endif  // BATON_LEASE_H_
