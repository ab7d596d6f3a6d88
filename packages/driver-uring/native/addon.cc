// The addon: `probe` tells what a ring could do, `open` makes a session, `probeKernel` and `probeInChild` ask the
// kernel itself.
#include <napi.h>
#include <sys/utsname.h>

#include <memory>
#include <vector>

#include "baton/napi_options.h"
#include "baton/napi_session.h"
#include "engine.h"
#include "probe.h"
#include "probe_child.h"
#include "ring.h"
#include "uring_features.h"

namespace {

using baton::ReadFlag;
using baton::ReadNumber;
using baton::ReadRuntime;
using baton::ReadSignedNumber;
using baton::SharedMemory;
using baton::uring::BufferRing;
using baton::uring::DetectFeatures;
using baton::uring::EngineOptions;
using baton::uring::Features;
using baton::uring::KernelProbe;
using baton::uring::ProbeChild;
using baton::uring::Ring;
using baton::uring::RingCall;
using baton::uring::RingOptions;
using UringEngine = baton::uring::Engine<Ring>;

std::vector<uint32_t> ReadNumbers(const Napi::Object& options, const char* name) {
  std::vector<uint32_t> numbers;
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) return numbers;
  const auto array = value.As<Napi::Array>();
  for (uint32_t index = 0; index < array.Length(); index++) {
    numbers.push_back(array.Get(index).As<Napi::Number>().Uint32Value());
  }
  return numbers;
}

RingOptions ReadRingOptions(const Napi::Object& options) {
  RingOptions ring;
  ring.entries = ReadNumber(options, "entries");
  ring.cq_entries = ReadNumber(options, "cqEntries");
  ring.sqpoll = ReadFlag(options, "sqpoll");
  ring.sqpoll_idle_ms = ReadNumber(options, "sqpollIdleMs");
  ring.sqpoll_cpu = ReadSignedNumber(options, "sqpollCpu");
  ring.defer_taskrun = ReadFlag(options, "deferTaskrun");
  ring.bounded_workers_max = ReadNumber(options, "boundedWorkersMax");
  ring.unbounded_workers_max = ReadNumber(options, "unboundedWorkersMax");
  ring.affinity = ReadNumbers(options, "affinity");
  ring.disabled_features = ReadNumber(options, "disabledFeatures");
  return ring;
}

// What the ring turned out to be; JavaScript makes `capabilities` and the report of it. `wanted` is what the kernel
// has.
Napi::Object DescribeRing(Napi::Env env, const Ring& ring, const Features& wanted, const Features& features) {
  Napi::Object info = Napi::Object::New(env);
  info.Set("setupFlags", ring.setup_flags());
  info.Set("featureFlags", ring.features());
  info.Set("entries", ring.sq_entries());
  info.Set("cqEntries", ring.cq_entries());
  info.Set("multishotAccept", features.multishot_accept);
  info.Set("multishotReceive", features.multishot_receive);
  info.Set("bufferRing", features.buffer_ring);
  info.Set("bufferRingRefused", wanted.buffer_ring && !features.buffer_ring);
  info.Set("zeroCopySend", features.zero_copy_send);
  info.Set("registeredBuffers", features.registered_buffers);
  info.Set("restricted", ring.restricted());
  info.Set("links", features.links);
  info.Set("linkTimeout", features.link_timeout);
  Napi::Array entries_by_opcode = Napi::Array::New(env, baton::kOpcodeCount);
  for (uint32_t number = 0; number < baton::kOpcodeCount; number++) {
    entries_by_opcode.Set(number, Napi::Boolean::New(env, features.entries[number]));
  }
  info.Set("operations", entries_by_opcode);
  return info;
}

// probe(options) → what a ring with these options is, or a negative errno. The ring is gone when this returns.
Napi::Value Probe(const Napi::CallbackInfo& call) {
  const auto options = call[0].As<Napi::Object>();
  RingOptions ring_options = ReadRingOptions(options);
  // Would outlive the ring: it is the thread's.
  ring_options.affinity.clear();
  // What this ring takes would be missing to the next one for a while.
  ring_options.entries = baton::uring::kProbeEntries;
  ring_options.cq_entries = 0;
  auto ring = Ring::Create(ring_options);
  if (!ring.ok()) return Napi::Number::New(call.Env(), ring.error());
  const Features wanted = DetectFeatures(ring.value()->raw(), ReadNumber(options, "disabledFeatures"));
  Features features = wanted;
  if (features.buffer_ring && !BufferRing::IsGranted(ring.value()->raw())) {
    features.buffer_ring = false;
    features.multishot_receive = false;
  }
  return DescribeRing(call.Env(), *ring.value(), wanted, features);
}

// open(options, sink) → the session, or a negative errno.
Napi::Value Open(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  const auto options = call[0].As<Napi::Object>();
  auto ring = Ring::Create(ReadRingOptions(options));
  if (!ring.ok()) return Napi::Number::New(env, ring.error());
  auto shared = SharedMemory::Create(baton::ReadLimits(options));
  if (!shared.ok()) return Napi::Number::New(env, shared.error());
  const Features features = DetectFeatures(ring.value()->raw(), ReadNumber(options, "disabledFeatures"));
  const EngineOptions engine_options{ReadNumber(options, "zeroCopySendMinBytes"),
                                     ReadFlag(options, "registeredBuffers")};
  auto engine = UringEngine::Create(ring.Take(), shared.Take(), features, engine_options);
  if (!engine.ok()) return Napi::Number::New(env, engine.error());
  // What of it cannot be made leaves an exception behind, and then the session makes nothing either.
  Napi::Object object = Napi::Object::New(env);
  object.Set("ring", DescribeRing(env, engine.value()->port(), features, engine.value()->features()));
  return baton::NapiSession<UringEngine>::Create(env, object, engine.Take(), call[1].As<Napi::Function>(),
                                                 ReadRuntime(options), baton::ReadSlabOptions(options));
}

Napi::Object DescribeProbe(Napi::Env env, const KernelProbe& probe) {
  constexpr const char* kStepNames[] = {"setup", "map", "enter", "completion", "done"};
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("setup", probe.setup);
  answer.Set("setupNull", probe.setup_null);
  answer.Set("enter", probe.enter);
  answer.Set("register", probe.register_ring);
  answer.Set("step", kStepNames[static_cast<size_t>(probe.step)]);
  answer.Set("roundTrip", probe.round_trip);
  answer.Set("entries", probe.entries);
  answer.Set("features", probe.features);
  answer.Set("opcodeProbe", probe.opcode_probe);
  Napi::Array opcodes = Napi::Array::New(env, probe.opcode_count);
  for (uint32_t index = 0; index < probe.opcode_count; ++index) opcodes.Set(index, +probe.opcodes[index]);
  answer.Set("opcodes", opcodes);
  answer.Set("seccompMode", probe.seccomp_mode);
  return answer;
}

// probeKernel() → what the kernel answers to each of the three system calls; always an object.
Napi::Value AskKernel(const Napi::CallbackInfo& call) {
  KernelProbe probe;
  baton::uring::ProbeKernel(probe);
  return DescribeProbe(call.Env(), probe);
}

// The name of a call and its argument; undefined for none.
Napi::Value DescribeCall(Napi::Env env, const RingCall& call) {
  constexpr const char* kNames[] = {"", "io_uring_setup", "io_uring_enter", "io_uring_register"};
  if (call.name == RingCall::Name::kNone) return env.Undefined();
  Napi::Object described = Napi::Object::New(env);
  described.Set("name", kNames[static_cast<size_t>(call.name)]);
  described.Set("argument", call.argument);
  return described;
}

// How a child ended.
Napi::Object DescribeEnd(Napi::Env env, const ProbeChild& child) {
  Napi::Object end = Napi::Object::New(env);
  end.Set("signal", child.signal());
  end.Set("diedOf", DescribeCall(env, child.report().rehearsal.current));
  end.Set("refused", DescribeCall(env, child.report().rehearsal.refused));
  end.Set("refusedErrno", child.report().rehearsal.error);
  end.Set("answers", child.done() ? DescribeProbe(env, child.report().probe).As<Napi::Value>() : env.Undefined());
  return end;
}

// probeInChild(entries) → { look, kill }, or a negative errno when no process can be made. `look()` is undefined while
// the child runs, then how it ended.
Napi::Value AskInChild(const Napi::CallbackInfo& call) {
  Napi::Env env = call.Env();
  auto started = ProbeChild::Start(call[0].As<Napi::Number>().Uint32Value());
  if (!started.ok()) return Napi::Number::New(env, started.error());
  // Ended by whichever function is collected last, or with the environment.
  const std::shared_ptr<ProbeChild> child = started.Take();
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("look", Napi::Function::New(
                         env,
                         [child](const Napi::CallbackInfo& look) -> Napi::Value {
                           if (!child->HasEnded()) return look.Env().Undefined();
                           return DescribeEnd(look.Env(), *child);
                         },
                         "look"));
  handle.Set("kill", Napi::Function::New(env, [child](const Napi::CallbackInfo&) { child->Kill(); }, "kill"));
  return handle;
}

// kernelRelease() → what `uname -r` says; empty when it cannot be told.
Napi::Value KernelRelease(const Napi::CallbackInfo& call) {
  utsname name{};
  return Napi::String::New(call.Env(), uname(&name) == 0 ? name.release : "");
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New<Probe>(env, "probe"));
  exports.Set("open", Napi::Function::New<Open>(env, "open"));
  exports.Set("probeKernel", Napi::Function::New<AskKernel>(env, "probeKernel"));
  exports.Set("kernelRelease", Napi::Function::New<KernelRelease>(env, "kernelRelease"));
  exports.Set("probeInChild", Napi::Function::New<AskInChild>(env, "probeInChild"));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
