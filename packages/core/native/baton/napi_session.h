// The one border between JavaScript and an engine. Set-up goes through node-addon-api; what runs per batch is plain
// Node-API: one call down (`submit`), one call up (`sink`). Functions are bound to their session by their data
// pointer, which is cheaper than a wrapped object.
//
// What could go wrong here, and what stands against it:
// - JavaScript keeps a function of a closed session: the session outlives its functions, and answers that it is closed.
// - The environment ends with operations in flight (worker.terminate): the cleanup hook cancels, reaps until nothing is
//   in flight or a deadline passes, and leaves the engine with its memory behind if something is unconfirmed.
// - It ends while one of these functions runs: from then on no value can be made and no error thrown. What could not
//   be made is empty, which no JavaScript will ever see; NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS keeps node-addon-api
//   from ending the process for it.
// - JavaScript runs inside the sink call and closes, submits or terminates: nothing of the engine is held across the
//   call, and every status is looked at.
// - A finalizer runs before the cleanup hook: external ArrayBuffers only count down a slab, the engine counts itself.
#ifndef BATON_NAPI_SESSION_H_
#define BATON_NAPI_SESSION_H_

#include <napi.h>

#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/shared_memory.h"
#include "baton/slab.h"
#include "baton/waker.h"

namespace baton {

// What an engine offers the border.
template <typename E>
concept EngineLike = requires(E engine, uint32_t count, uint64_t deadline_ms) {
  { engine.Submit(count) } -> std::same_as<uint32_t>;
  { engine.Reap() } -> std::same_as<uint32_t>;
  { engine.Shutdown(deadline_ms) } -> std::same_as<uint32_t>;
  { engine.pollable_fd() } -> std::same_as<int>;
  { engine.in_flight() } -> std::same_as<uint32_t>;
  { engine.has_unsubmitted() } -> std::same_as<bool>;
  { engine.is_forked() } -> std::same_as<bool>;
  { engine.quarantined_bytes() } -> std::same_as<uint64_t>;
  { engine.shared() } -> std::same_as<SharedMemory&>;
  { engine.buffers() } -> std::same_as<BufferTable&>;
};

enum class Runtime { kNode, kBun, kDeno };

// How long the end of an environment may take when operations do not end by themselves.
inline constexpr uint64_t kCleanupDeadlineMs = 2000;
// Sink calls for one wake, before the event loop goes on.
inline constexpr int kSinkCallsPerWake = 4;

template <EngineLike Engine>
class NapiSession {
 public:
  // Makes the session's object: memory, functions. Empty, with a pending exception, when that fails.
  static Napi::Object Create(Napi::Env env, std::unique_ptr<Engine> engine, Napi::Function sink, Runtime runtime,
                             const SlabOptions& slabs) {
    auto* session = new NapiSession(env, std::move(engine), slabs, runtime);
    session->sink_ = Napi::Persistent(sink);
    if (!session->Start()) {
      session->Dispose();
      Napi::Error::New(env, "the event loop does not take the engine's descriptor").ThrowAsJavaScriptException();
      return {};
    }
    return session->Describe();
  }

 private:
  using Method = napi_value (*)(napi_env, napi_callback_info);

  NapiSession(napi_env env, std::unique_ptr<Engine> engine, const SlabOptions& slabs, Runtime runtime)
      : env_(env), engine_(std::move(engine)), slabs_(slabs), runtime_(runtime) {}

  bool Start() {
    const int fd = engine_->pollable_fd();
    waker_ = runtime_ == Runtime::kNode ? UvWaker::Create(env_, fd, OnWake, this)
                                        : ThreadWaker::Create(env_, fd, OnWake, this);
    if (waker_ == nullptr) return false;
    // Node waits for an asynchronous hook, which a uv handle needs to be closed in order. Bun and Deno do not, and
    // Deno frees such a hook twice.
    if (runtime_ == Runtime::kNode) {
      BATON_CHECK(napi_add_async_cleanup_hook(env_, OnAsyncCleanup, this, &cleanup_) == napi_ok);
    } else {
      BATON_CHECK(napi_add_env_cleanup_hook(env_, OnCleanup, this) == napi_ok);
    }
    return true;
  }

  // --- what JavaScript sees ---------------------------------------------------------------------------------------

  Napi::Object Describe() {
    Napi::Env env(env_);
    Napi::Object object = Napi::Object::New(env);
    SharedMemory& shared = engine_->shared();
    object.Set("records", ShareBlock(shared.records_block));
    object.Set("submissions", ShareBlock(shared.submissions_block));
    object.Set("completions", ShareBlock(shared.completions_block));
    object.Set("control", ShareBlock(shared.control_block));
    object.Set("provided", ShareBlock(shared.provided_block));
    object.Set("arena", ShareBlock(shared.arena_block));
    AddMethod(object, "submit", Submit);
    AddMethod(object, "close", Close);
    AddMethod(object, "allocate", Allocate);
    AddMethod(object, "free", Free);
    AddMethod(object, "adopt", Adopt);
    AddMethod(object, "borrow", Borrow);
    AddMethod(object, "detach", Detach);
    AddMethod(object, "protect", Protect);
    return object;
  }

  void AddMethod(Napi::Object object, const char* name, Method method) {
    napi_value function = nullptr;
    if (napi_create_function(env_, name, NAPI_AUTO_LENGTH, method, this, &function) != napi_ok) return;
    Ref();
    BATON_CHECK(napi_add_finalizer(env_, function, this, OnFunctionGone, nullptr, nullptr) == napi_ok);
    object.Set(name, Napi::Value(env_, function));
  }

  Napi::Value ShareBlock(const SharedBlock& block) { return External(block.slab.get(), block.data, block.bytes); }

  // An ArrayBuffer over a part of a slab; it counts on the slab until it is collected.
  Napi::Value External(Slab* slab, uint8_t* data, size_t length) {
    napi_value buffer = nullptr;
    slab->Ref();
    const napi_status status = napi_create_external_arraybuffer(env_, data, length, OnArrayBufferGone, slab, &buffer);
    if (status != napi_ok) {
      slab->Unref();
      return {};
    }
    return Napi::Value(env_, buffer);
  }

  // --- methods ----------------------------------------------------------------------------------------------------

  // submit(count) → how many were taken.
  static napi_value Submit(napi_env env, napi_callback_info info) {
    size_t argc = 1;
    napi_value argument;
    void* data;
    napi_get_cb_info(env, info, &argc, &argument, nullptr, &data);
    auto* session = static_cast<NapiSession*>(data);
    uint32_t count = 0;
    napi_get_value_uint32(env, argument, &count);
    if (session->engine_ == nullptr) return Throw(env, "the session is closed");
    Engine& engine = *session->engine_;
    if (engine.is_forked()) [[unlikely]]
      return Throw(env, "this process was forked from the one that opened the session");
    BATON_CHECK(count <= engine.shared().limits().submission_batch_max);
    const uint32_t taken = engine.Submit(count);
    session->UpdateInterest();
    napi_value result;
    napi_create_uint32(env, taken, &result);
    return result;
  }

  // close(deadlineMs) → { unconfirmedOperations, quarantinedBytes }.
  static napi_value Close(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    const double deadline_ms = call[0].As<Napi::Number>().DoubleValue();
    Napi::Object report = Napi::Object::New(env);
    const uint64_t bytes = session->End(static_cast<uint64_t>(deadline_ms < 0 ? 0 : deadline_ms));
    report.Set("unconfirmedOperations", session->unconfirmed_);
    report.Set("quarantinedBytes", static_cast<double>(bytes));
    return report;
  }

  // allocate(bytes, count) → { firstNumber, buffers }, or a negative errno.
  static napi_value Allocate(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    if (session->engine_ == nullptr) return Throw(env, "the session is closed");
    const auto bytes = static_cast<size_t>(call[0].As<Napi::Number>().Int64Value());
    const size_t count = call[1].As<Napi::Number>().Uint32Value();
    uint32_t number;
    return session->AllocateSlab(bytes, count, bytes, &number);
  }

  // free(firstNumber).
  static napi_value Free(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    const uint32_t number = call[0].As<Napi::Number>().Uint32Value();
    if (session->engine_ != nullptr) session->engine_->buffers().Free(number);
    session->borrowed_.erase(number);
    return call.Env().Undefined();
  }

  // adopt(arrayBuffer) → { firstNumber, buffers }: a copy in memory of ours, because only that can be kept alive when
  // the environment is gone. The caller detaches the source.
  static napi_value Adopt(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    if (session->engine_ == nullptr) return Throw(env, "the session is closed");
    auto source = call[0].As<Napi::ArrayBuffer>();
    const size_t length = source.ByteLength();
    uint32_t number = 0;
    const Napi::Value slab = session->AllocateSlab(RoundUp(length, kPageBytes), 1, length, &number);
    if (slab.IsObject()) std::memcpy(session->engine_->buffers().Find(number)->data, source.Data(), length);
    return slab;
  }

  // borrow(arrayBuffer, offset, length) → number. Kept reachable until it is freed.
  static napi_value Borrow(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    if (session->engine_ == nullptr) return Throw(env, "the session is closed");
    auto source = call[0].As<Napi::ArrayBuffer>();
    const auto offset = static_cast<size_t>(call[1].As<Napi::Number>().Int64Value());
    const auto length = static_cast<size_t>(call[2].As<Napi::Number>().Int64Value());
    auto* data = static_cast<uint8_t*>(source.Data()) + offset;
    const uint32_t number = session->engine_->buffers().Borrow(data, length);
    session->borrowed_.emplace(number, Napi::Persistent(source.As<Napi::Object>()));
    return Napi::Number::New(env, number);
  }

  // detach(number, arrayBuffer) → a new ArrayBuffer over the same memory. For runtimes whose ArrayBuffers cannot be
  // transferred by themselves.
  static napi_value Detach(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    if (session->engine_ == nullptr) return Throw(env, "the session is closed");
    const BufferCell* cell = session->engine_->buffers().Find(call[0].As<Napi::Number>().Uint32Value());
    auto old = call[1].As<Napi::ArrayBuffer>();
    const size_t length = old.ByteLength();
    BATON_CHECK(cell != nullptr && cell->slab != nullptr && length <= cell->length);
    // The new one first: the memory must not lose its last count in between.
    const Napi::Value fresh = session->External(cell->slab, cell->data, length);
    if (napi_detach_arraybuffer(env, old) != napi_ok) return Throw(env, "the ArrayBuffer cannot be detached");
    return fresh;
  }

  // protect(number, accessible): with guard pages only.
  static napi_value Protect(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    auto* session = static_cast<NapiSession*>(call.Data());
    if (session->engine_ == nullptr) return call.Env().Undefined();
    const BufferCell* cell = session->engine_->buffers().Find(call[0].As<Napi::Number>().Uint32Value());
    if (cell != nullptr && cell->slab != nullptr) {
      cell->slab->SetAccessible(cell->index_in_slab, call[1].As<Napi::Boolean>().Value());
    }
    return call.Env().Undefined();
  }

  Napi::Value AllocateSlab(size_t bytes, size_t count, size_t visible_bytes, uint32_t* number) {
    Napi::Env env(env_);
    auto first = engine_->buffers().Allocate(bytes, count, slabs_);
    if (!first.ok()) return Napi::Number::New(env, first.error());
    *number = first.value();
    Napi::Array buffers = Napi::Array::New(env, count);
    for (uint32_t index = 0; index < count; index++) {
      const BufferCell* cell = engine_->buffers().Find(first.value() + index);
      buffers.Set(index, External(cell->slab, cell->data, visible_bytes));
    }
    Napi::Object slab = Napi::Object::New(env);
    slab.Set("firstNumber", first.value());
    slab.Set("buffers", buffers);
    return slab;
  }

  static napi_value Throw(napi_env env, const char* message) {
    napi_throw_error(env, "ERR_DRIVER_FAULT", message);
    return nullptr;
  }

  // --- waking -----------------------------------------------------------------------------------------------------

  static void OnWake(void* data) {
    auto* session = static_cast<NapiSession*>(data);
    session->Ref();
    session->Dispatch();
    session->Unref();
  }

  void Dispatch() {
    for (int calls = 0; calls < kSinkCallsPerWake && engine_ != nullptr; calls++) {
      const uint32_t count = engine_->Reap();
      UpdateInterest();
      if (count == 0) return;
      if (!CallSink(count)) return;
    }
    // More than the event loop should wait for: the descriptor may not say so, because the engine holds them.
    if (engine_ != nullptr && waker_ != nullptr && engine_->shared().control(kControlCompletionsWaiting) != 0) {
      waker_->WakeSoon();
    }
  }

  // One call into JavaScript. False when there is no more JavaScript to call.
  bool CallSink(uint32_t count) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) return false;
    napi_value argument, global, ignored;
    napi_create_uint32(env_, count, &argument);
    napi_get_global(env_, &global);
    const napi_status status = napi_make_callback(env_, nullptr, global, sink_.Value(), 1, &argument, &ignored);
    if (status == napi_pending_exception) {
      // The sink does not throw; code that runs after it, in microtasks, may.
      napi_value error;
      if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
    }
    napi_close_handle_scope(env_, scope);
    return status == napi_ok || status == napi_pending_exception;
  }

  // Operations in flight keep the process alive; what the kernel did not take is tried again.
  void UpdateInterest() {
    if (engine_ == nullptr || waker_ == nullptr) return;
    const bool busy = engine_->in_flight() > 0;
    if (busy != referenced_) {
      referenced_ = busy;
      if (busy) {
        waker_->Ref();
      } else {
        waker_->Unref();
      }
    }
    if (engine_->has_unsubmitted()) waker_->WakeSoon();
  }

  // --- the end ----------------------------------------------------------------------------------------------------

  // The one way to die, called by close(), by the cleanup hooks, and harmless the second time. Returns how many bytes
  // are quarantined.
  uint64_t End(uint64_t deadline_ms) {
    if (engine_ == nullptr) return 0;
    uint64_t quarantined = 0;
    unconfirmed_ = engine_->Shutdown(deadline_ms);
    if (waker_ != nullptr) {
      Ref();
      std::exchange(waker_, nullptr)->Stop(OnWakerGone, this);
    }
    if (unconfirmed_ == 0) {
      engine_.reset();
    } else {
      // The kernel may write to this memory at any time from now on: it is kept for ever.
      quarantined = engine_->quarantined_bytes();
      (void)engine_.release();
    }
    return quarantined;
  }

  static void OnWakerGone(void* data) {
    auto* session = static_cast<NapiSession*>(data);
    session->RemoveCleanupHook();
    session->Dispose();
    session->Unref();
  }

  // When close() was called before, the waker is already on its way out; Node waits until the hook is removed.
  static void OnAsyncCleanup(napi_async_cleanup_hook_handle, void* data) {
    static_cast<NapiSession*>(data)->End(kCleanupDeadlineMs);
  }

  static void OnCleanup(void* data) {
    auto* session = static_cast<NapiSession*>(data);
    session->in_cleanup_ = true;
    session->End(kCleanupDeadlineMs);
  }

  void RemoveCleanupHook() {
    if (runtime_ == Runtime::kNode) {
      if (cleanup_ != nullptr) napi_remove_async_cleanup_hook(std::exchange(cleanup_, nullptr));
    } else if (!in_cleanup_) {
      napi_remove_env_cleanup_hook(env_, OnCleanup, this);
    }
  }

  // Drops what belongs to the environment.
  void Dispose() {
    sink_.Reset();
    borrowed_.clear();
    if (std::exchange(alive_, false)) Unref();
  }

  static void OnFunctionGone(napi_env, void* data, void*) { static_cast<NapiSession*>(data)->Unref(); }
  static void OnArrayBufferGone(napi_env, void*, void* hint) { static_cast<Slab*>(hint)->Unref(); }

  void Ref() { refs_++; }
  // Not inlined: the compiler cannot see which of several counts is the last, and warns about all but one.
  [[gnu::noinline]] void Unref() {
    if (--refs_ == 0) delete this;
  }

  const napi_env env_;
  std::unique_ptr<Engine> engine_;
  const SlabOptions slabs_;
  const Runtime runtime_;
  Waker* waker_ = nullptr;
  Napi::FunctionReference sink_;
  std::unordered_map<uint32_t, Napi::ObjectReference> borrowed_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  uint32_t unconfirmed_ = 0;
  bool referenced_ = false;
  bool in_cleanup_ = false;
  // The environment's own count on the session, dropped at its end.
  bool alive_ = true;
  uint32_t refs_ = 1;
};

}  // namespace baton

#endif  // BATON_NAPI_SESSION_H_
