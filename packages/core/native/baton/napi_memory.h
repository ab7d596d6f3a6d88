// What JavaScript can ask of a session's memory. Each answer is a value or a negative errno; when a call to the runtime
// fails, nothing was handed over and every count is what it was before.
#ifndef BATON_NAPI_MEMORY_H_
#define BATON_NAPI_MEMORY_H_

#include <napi.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/lease.h"
#include "baton/slab.h"

namespace baton {

// True when the environment is at its end and no JavaScript can run any more.
inline bool IsEnding(napi_env env) {
  napi_value value = nullptr, converted = nullptr;
  // The cheapest call that is refused then.
  return napi_get_boolean(env, true, &value) != napi_ok || napi_coerce_to_bool(env, value, &converted) != napi_ok;
}

// Drops what the runtime is about to throw: whoever called is told in another way.
inline void DropException(napi_env env) {
  bool pending = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) napi_get_and_clear_last_exception(env, &error);
}

inline void OnExternalGone(napi_env env, void*, void* hint) {
  const LeaseRef lease = LeaseRef::Adopt(static_cast<Lease*>(hint));
  if (IsEnding(env)) {
    lease.get()->EndOfEnvironment();
  } else {
    lease.get()->End();
  }
}

// An ArrayBuffer over memory that the lease keeps. Null, and the lease over, when the runtime makes none.
inline napi_value CreateExternal(napi_env env, uint8_t* data, size_t length, Lease* lease) {
  napi_value buffer = nullptr;
  // The finalizer's.
  lease->Ref();
  if (napi_create_external_arraybuffer(env, data, length, OnExternalGone, lease, &buffer) == napi_ok) return buffer;
  // The finalizer may have run, may run later, or never: that its count may be lost, the one on the slab is not.
  lease->End();
  DropException(env);
  return nullptr;
}

class NapiMemory {
 public:
  NapiMemory(BufferTable& table, const SlabOptions& slabs) : table_(&table), slabs_(slabs) {}
  NapiMemory(const NapiMemory&) = delete;
  NapiMemory& operator=(const NapiMemory&) = delete;

  // 0 or a negative errno. Comes first.
  int Start() {
    auto exposures = Exposures::Create();
    if (!exposures.ok()) return exposures.error();
    exposures_ = exposures.Take();
    return 0;
  }

  Slab* exposures() const { return exposures_.slab(); }

  // The session is closed: its buffers are nobody's business any more, but their ArrayBuffers live on.
  void Close() { table_ = nullptr; }

  // Drops what belongs to the environment.
  void Dispose() { borrowed_.clear(); }

  // allocate(bytes, count) → { firstNumber, buffers }.
  Napi::Value Allocate(const Napi::CallbackInfo& call) {
    if (table_ == nullptr) return Closed(call.Env());
    const auto bytes = static_cast<size_t>(call[0].As<Napi::Number>().Int64Value());
    const size_t count = call[1].As<Napi::Number>().Uint32Value();
    uint32_t number;
    return AllocateSlab(call.Env(), bytes, count, bytes, &number);
  }

  // free(firstNumber).
  Napi::Value Free(const Napi::CallbackInfo& call) {
    const uint32_t number = call[0].As<Napi::Number>().Uint32Value();
    FreeRun(number);
    borrowed_.erase(number);
    return call.Env().Undefined();
  }

  // discard(number) → whether the pages of this buffer, which is at rest, went back to the system.
  Napi::Value Discard(const Napi::CallbackInfo& call) {
    const uint32_t number = call[0].As<Napi::Number>().Uint32Value();
    return Napi::Boolean::New(call.Env(), table_ != nullptr && table_->Discard(number));
  }

  // adopt(arrayBuffer) → { firstNumber, buffers }: a copy in memory of ours, because only that can be kept alive when
  // the environment is gone. The caller detaches the source.
  Napi::Value Adopt(const Napi::CallbackInfo& call) {
    if (table_ == nullptr) return Closed(call.Env());
    auto source = call[0].As<Napi::ArrayBuffer>();
    const size_t length = source.ByteLength();
    uint32_t number = 0;
    const Napi::Value slab = AllocateSlab(call.Env(), RoundUp(length, kPageBytes), 1, length, &number);
    if (slab.IsObject()) std::memcpy(table_->Find(number)->data, source.Data(), length);
    return slab;
  }

  // borrow(arrayBuffer, offset, length) → number. Kept reachable until it is freed.
  Napi::Value Borrow(const Napi::CallbackInfo& call) {
    if (table_ == nullptr) return Closed(call.Env());
    auto source = call[0].As<Napi::ArrayBuffer>();
    const auto offset = static_cast<size_t>(call[1].As<Napi::Number>().Int64Value());
    const auto length = static_cast<size_t>(call[2].As<Napi::Number>().Int64Value());
    if (offset > source.ByteLength() || length > source.ByteLength() - offset) return Error(call.Env(), -EINVAL);
    napi_ref reference = nullptr;
    if (napi_create_reference(call.Env(), source, 1, &reference) != napi_ok) return Error(call.Env(), -ENOMEM);
    const uint32_t number = table_->Borrow(static_cast<uint8_t*>(source.Data()) + offset, length);
    borrowed_.emplace(number, Napi::ObjectReference(call.Env(), reference));
    napi_value result = nullptr;
    if (napi_create_uint32(call.Env(), number, &result) == napi_ok) return Napi::Value(call.Env(), result);
    // Nobody knows the number.
    table_->Free(number);
    borrowed_.erase(number);
    return Error(call.Env(), -ENOMEM);
  }

  // detach(number, arrayBuffer) → a new ArrayBuffer over the same memory, the old one detached. For runtimes whose
  // ArrayBuffers cannot be transferred by themselves. A closed session does it too.
  Napi::Value Detach(const Napi::CallbackInfo& call) {
    const uint32_t number = call[0].As<Napi::Number>().Uint32Value();
    auto old = call[1].As<Napi::ArrayBuffer>();
    Lease* const lease = number < leases_.size() ? leases_[number].get() : nullptr;
    auto* data = static_cast<uint8_t*>(old.Data());
    if (lease == nullptr || lease->slab() == nullptr || !lease->slab()->Contains(data, old.ByteLength())) {
      return Error(call.Env(), -EINVAL);
    }
    // The new one first: the memory must not lose its last count in between.
    LeaseRef fresh_lease = Lease::Create(lease->slab(), exposures_, number);
    const napi_value fresh = CreateExternal(call.Env(), data, old.ByteLength(), fresh_lease.get());
    if (fresh == nullptr) return Error(call.Env(), -ENOMEM);
    if (napi_detach_arraybuffer(call.Env(), old) != napi_ok) {
      // Nobody sees the new one.
      fresh_lease.get()->End();
      return Error(call.Env(), -EBUSY);
    }
    lease->End();
    leases_[number] = std::move(fresh_lease);
    return Napi::Value(call.Env(), fresh);
  }

  // renew(number) → a new ArrayBuffer for a buffer of which the program cannot reach the one it had.
  Napi::Value Renew(const Napi::CallbackInfo& call) {
    const uint32_t number = call[0].As<Napi::Number>().Uint32Value();
    const BufferCell* cell = table_ == nullptr ? nullptr : table_->Find(number);
    if (cell == nullptr || cell->slab == nullptr) return Error(call.Env(), -EINVAL);
    const napi_value buffer = LeaseBuffer(call.Env(), number, cell->slab, cell->data, cell->length);
    return buffer == nullptr ? Error(call.Env(), -ENOMEM) : Napi::Value(call.Env(), buffer);
  }

  // protect(number, accessible) → whether it is so now: with guard pages only.
  Napi::Value Protect(const Napi::CallbackInfo& call) {
    const BufferCell* cell = table_ == nullptr ? nullptr : table_->Find(call[0].As<Napi::Number>().Uint32Value());
    const bool done = cell == nullptr || cell->slab == nullptr ||
                      cell->slab->SetAccessible(cell->index_in_slab, call[1].As<Napi::Boolean>().Value());
    return Napi::Boolean::New(call.Env(), done);
  }

 private:
  static Napi::Value Error(Napi::Env env, int negative_errno) {
    DropException(env);
    return Napi::Number::New(env, negative_errno);
  }

  static Napi::Value Closed(Napi::Env env) {
    napi_throw_error(env, "ERR_DRIVER_FAULT", "the session is closed");
    return {};
  }

  Napi::Value AllocateSlab(Napi::Env env, size_t bytes, size_t count, size_t visible_bytes, uint32_t* number) {
    auto first = table_->Allocate(bytes, count, slabs_);
    if (!first.ok()) return Error(env, first.error());
    *number = first.value();
    const napi_value slab = DescribeRun(env, first.value(), static_cast<uint32_t>(count), visible_bytes);
    if (slab != nullptr) return Napi::Value(env, slab);
    FreeRun(first.value());
    return Error(env, -ENOMEM);
  }

  // What JavaScript is told of a run; null when some of it could not be made.
  napi_value DescribeRun(napi_env env, uint32_t first, uint32_t count, size_t visible_bytes) {
    napi_value slab = nullptr, number = nullptr, buffers = nullptr;
    const bool made = napi_create_object(env, &slab) == napi_ok && napi_create_uint32(env, first, &number) == napi_ok &&
                      napi_create_array_with_length(env, count, &buffers) == napi_ok &&
                      napi_set_named_property(env, slab, "firstNumber", number) == napi_ok &&
                      napi_set_named_property(env, slab, "buffers", buffers) == napi_ok;
    if (!made) return nullptr;
    for (uint32_t index = 0; index < count; index++) {
      const BufferCell& cell = table_->At(first + index);
      const napi_value buffer = LeaseBuffer(env, first + index, cell.slab, cell.data, visible_bytes);
      if (buffer == nullptr || napi_set_element(env, buffers, index, buffer) != napi_ok) return nullptr;
    }
    return slab;
  }

  // An ArrayBuffer over the buffer of a number; null when the runtime makes none.
  napi_value LeaseBuffer(napi_env env, uint32_t number, Slab* slab, uint8_t* data, size_t length) {
    LeaseRef lease = Lease::Create(slab, exposures_, number);
    const napi_value buffer = CreateExternal(env, data, length, lease.get());
    if (buffer == nullptr) return nullptr;
    if (number >= leases_.size()) leases_.resize(number + 1);
    leases_[number] = std::move(lease);
    return buffer;
  }

  void FreeRun(uint32_t first) {
    const size_t count = table_ == nullptr ? 0 : table_->Free(first);
    for (uint32_t number = first; number < first + count && number < leases_.size(); number++) {
      const LeaseRef lease = std::move(leases_[number]);
      if (lease.get() != nullptr) lease.get()->EndUnlessExposed();
      exposures_.Clear(number);
    }
  }

  // Null when the session is closed.
  BufferTable* table_;
  const SlabOptions slabs_;
  Exposures exposures_;
  // By the number of a buffer, that of its ArrayBuffer.
  std::vector<LeaseRef> leases_;
  std::unordered_map<uint32_t, Napi::ObjectReference> borrowed_;
};

}  // namespace baton

#endif  // BATON_NAPI_MEMORY_H_
