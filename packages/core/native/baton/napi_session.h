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
// - A finalizer runs before the cleanup hook: external ArrayBuffers only end their lease, the engine counts itself.
// - Memory that was sent to another thread is in use there when this environment ends: see `Lease`.
// - A call that would hand memory over fails: nothing was handed over then, the counts are what they were before, and
//   the result is a negative errno.
#ifndef BATON_NAPI_SESSION_H_
#define BATON_NAPI_SESSION_H_

#include <napi.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>

#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/environment_end.h"
#include "baton/napi_memory.h"
#include "baton/shared_memory.h"
#include "baton/slab.h"
#include "baton/waker.h"

namespace baton {

// What an engine offers the border.
template <typename E>
concept EngineLike = requires(E engine, uint32_t count, uint64_t deadline_ms) {
  { engine.Submit(count) } -> std::same_as<uint32_t>;
  { engine.Reap() } -> std::same_as<uint32_t>;
  engine.BeginShutdown();
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

// Sink calls for one wake, before the event loop goes on.
inline constexpr int kSinkCallsPerWake = 4;

template <EngineLike Engine>
class NapiSession {
 public:
  // Makes `object`, which may be null or have other properties, the session's: memory, functions. A negative errno when
  // the event loop cannot be woken, or the runtime does not make something of it: then nothing is left of it.
  static Napi::Value Create(Napi::Env env, napi_value object, std::unique_ptr<Engine> engine, Napi::Function sink,
                            Runtime runtime, const SlabOptions& slabs) {
    auto* session = new NapiSession(env, std::move(engine), slabs, runtime);
    // Until this returns, whatever of it ends meanwhile.
    session->Ref();
    int error = session->Start(sink);
    if (error == 0 && !session->Describe(object)) error = -ENOMEM;
    if (error < 0) {
      session->End(0);
      session->Dispose();
      DropException(env);
    }
    session->Unref();
    return error < 0 ? Napi::Number::New(env, error) : Napi::Value(env, object);
  }

  // The environment ends; what it still has in flight is waited for later.
  void BeginEnd() { engine_->BeginShutdown(); }

 private:
  using Ending = EnvironmentEnd<NapiSession>;
  using Method = napi_value (*)(napi_env, napi_callback_info);

  NapiSession(napi_env env, std::unique_ptr<Engine> engine, const SlabOptions& slabs, Runtime runtime)
      : env_(env), engine_(std::move(engine)), memory_(engine_->buffers(), slabs), runtime_(runtime) {}

  // 0, or a negative errno.
  int Start(Napi::Function sink) {
    napi_ref reference = nullptr;
    if (napi_create_reference(env_, sink, 1, &reference) != napi_ok) return -ENOMEM;
    sink_ = Napi::FunctionReference(env_, reference);
    if (const int error = memory_.Start(); error < 0) return error;
    const int fd = engine_->pollable_fd();
    auto waker = runtime_ == Runtime::kNode ? UvWaker::Create(env_, fd, OnWake, this)
                                            : ThreadWaker::Create(env_, fd, OnWake, this);
    if (!waker.ok()) return waker.error();
    waker_ = waker.Take();
    // Node waits for an asynchronous hook, which a uv handle needs to be closed in order. Bun and Deno do not, and
    // Deno frees such a hook twice.
    const napi_status status = runtime_ == Runtime::kNode
                                   ? napi_add_async_cleanup_hook(env_, OnAsyncCleanup, this, &cleanup_)
                                   : napi_add_env_cleanup_hook(env_, OnCleanup, this);
    if (status != napi_ok) return -ENOMEM;
    Ending::OfThisThread().Add(this);
    return 0;
  }

  // --- what JavaScript sees ---------------------------------------------------------------------------------------

  // False when something could not be made.
  bool Describe(napi_value object) {
    SharedMemory& shared = engine_->shared();
    return object != nullptr && ShareBlock(object, "records", shared.records_block) &&
           ShareBlock(object, "submissions", shared.submissions_block) &&
           ShareBlock(object, "completions", shared.completions_block) &&
           ShareBlock(object, "control", shared.control_block) &&
           ShareBlock(object, "provided", shared.provided_block) && ShareBlock(object, "arena", shared.arena_block) &&
           ShareMemory(object, "exposures", memory_.exposures(), Exposures::kNumbers) &&
           AddMethod(object, "submit", Submit) && AddMethod(object, "close", Close) &&
           AddMethod(object, "allocate", OfMemory<&NapiMemory::Allocate>) &&
           AddMethod(object, "free", OfMemory<&NapiMemory::Free>) &&
           AddMethod(object, "discard", OfMemory<&NapiMemory::Discard>) &&
           AddMethod(object, "adopt", OfMemory<&NapiMemory::Adopt>) &&
           AddMethod(object, "borrow", OfMemory<&NapiMemory::Borrow>) &&
           AddMethod(object, "detach", OfMemory<&NapiMemory::Detach>) &&
           AddMethod(object, "renew", OfMemory<&NapiMemory::Renew>) &&
           AddMethod(object, "protect", OfMemory<&NapiMemory::Protect>);
  }

  bool AddMethod(napi_value object, const char* name, Method method) {
    napi_value function = nullptr;
    if (napi_create_function(env_, name, NAPI_AUTO_LENGTH, method, this, &function) != napi_ok) return false;
    // Without its finalizer nobody would know when the function is gone. Nobody has seen it so far: it is never called.
    if (napi_add_finalizer(env_, function, this, OnFunctionGone, nullptr, nullptr) != napi_ok) return false;
    Ref();
    return napi_set_named_property(env_, object, name, function) == napi_ok;
  }

  bool ShareBlock(napi_value object, const char* name, const SharedBlock& block) {
    return ShareMemory(object, name, block.slab.get(), block.bytes);
  }

  bool ShareMemory(napi_value object, const char* name, Slab* slab, size_t bytes) {
    const napi_value buffer = CreateExternal(env_, slab->buffer(0), bytes, Lease::Create(slab).get());
    return buffer != nullptr && napi_set_named_property(env_, object, name, buffer) == napi_ok;
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
    if (count > engine.shared().limits().submission_batch_max) [[unlikely]]
      return Throw(env, "more submissions than there is room for");
    const uint32_t taken = engine.Submit(count);
    if (taken < count) session->owes_room_ = true;
    session->UpdateInterest();
    napi_value result = nullptr;
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

  // What is asked of the session's memory.
  template <Napi::Value (NapiMemory::*kMethod)(const Napi::CallbackInfo&)>
  static napi_value OfMemory(napi_env env, napi_callback_info info) {
    Napi::CallbackInfo call(env, info);
    return (static_cast<NapiSession*>(call.Data())->memory_.*kMethod)(call);
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
      // What was not taken is offered again after the next call, be there completions or not.
      if (count == 0 && !owes_room_) return;
      owes_room_ = false;
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
    napi_value argument = nullptr, global = nullptr, ignored = nullptr;
    (void)napi_create_uint32(env_, count, &argument);
    (void)napi_get_global(env_, &global);
    // What is missing, it refuses.
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
    if (engine_->has_unsubmitted() || owes_room_) waker_->WakeSoon();
  }

  // --- the end ----------------------------------------------------------------------------------------------------

  // The one way to die, called by close(), by the cleanup hooks, and harmless the second time. Returns how many bytes
  // are quarantined.
  uint64_t End(uint64_t deadline_ms) {
    if (engine_ == nullptr) return 0;
    Ending::OfThisThread().Remove(this);
    uint64_t quarantined = 0;
    memory_.Close();
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
    static_cast<NapiSession*>(data)->EndWithEnvironment();
  }

  static void OnCleanup(void* data) {
    auto* session = static_cast<NapiSession*>(data);
    session->in_cleanup_ = true;
    session->EndWithEnvironment();
  }

  // It may be gone when this returns.
  void EndWithEnvironment() {
    if (engine_ == nullptr) return;
    End(Ending::OfThisThread().Begin());
    Ending::OfThisThread().Finish();
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
    memory_.Dispose();
    if (std::exchange(alive_, false)) Unref();
  }

  static void OnFunctionGone(napi_env, void* data, void*) { static_cast<NapiSession*>(data)->Unref(); }

  void Ref() { refs_++; }
  // Not inlined: the compiler cannot see which of several counts is the last, and warns about all but one.
  [[gnu::noinline]] void Unref() {
    if (--refs_ == 0) delete this;
  }

  const napi_env env_;
  std::unique_ptr<Engine> engine_;
  NapiMemory memory_;
  const Runtime runtime_;
  Waker* waker_ = nullptr;
  Napi::FunctionReference sink_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  uint32_t unconfirmed_ = 0;
  bool referenced_ = false;
  // The engine did not take all that it was offered.
  bool owes_room_ = false;
  bool in_cleanup_ = false;
  // The environment's own count on the session, dropped at its end.
  bool alive_ = true;
  uint32_t refs_ = 1;
};

}  // namespace baton

#endif  // BATON_NAPI_SESSION_H_
