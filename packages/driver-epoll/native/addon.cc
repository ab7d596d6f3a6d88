// The addon: two functions. `probe` tells whether an engine can be made, `open` makes a session.
#include <napi.h>

#include <memory>

#include "baton/napi_options.h"
#include "baton/napi_session.h"
#include "engine.h"

namespace {

using baton::SharedMemory;
using baton::epoll::Engine;
using baton::epoll::EngineOptions;
using baton::epoll::Poller;

// probe() → 0, or a negative errno.
Napi::Value Probe(const Napi::CallbackInfo& call) {
  auto poller = Poller::Create();
  return Napi::Number::New(call.Env(), poller.error());
}

// open(options, sink) → the session, or a negative errno.
Napi::Value Open(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const auto options = call[0].As<Napi::Object>();
  auto shared = SharedMemory::Create(baton::ReadLimits(options));
  if (!shared.ok()) return Napi::Number::New(env, shared.error());
  EngineOptions engine_options;
  engine_options.threads_max = baton::ReadNumber(options, "threadsMax");
  auto engine = Engine::Create(shared.Take(), engine_options);
  if (!engine.ok()) return Napi::Number::New(env, engine.error());
  napi_value object = nullptr;
  (void)napi_create_object(env, &object);
  return baton::NapiSession<Engine>::Create(env, object, engine.Take(), call[1].As<Napi::Function>(),
                                            baton::ReadRuntime(options), baton::ReadSlabOptions(options));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New<Probe>(env, "probe"));
  exports.Set("open", Napi::Function::New<Open>(env, "open"));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
