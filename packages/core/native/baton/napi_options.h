// Reading what JavaScript has checked already: an option that is absent has its neutral value. So has one that cannot
// be read because the environment is ending: then whatever is made of it is dropped at once.
#ifndef BATON_NAPI_OPTIONS_H_
#define BATON_NAPI_OPTIONS_H_

#include <napi.h>

#include <string>

#include "baton/napi_session.h"
#include "baton/shared_memory.h"
#include "baton/slab.h"

namespace baton {

inline uint32_t ReadNumber(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

// -1 when absent.
inline int32_t ReadSignedNumber(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1;
}

inline bool ReadFlag(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

inline Runtime ReadRuntime(const Napi::Object& options) {
  const Napi::Value value = options.Get("runtime");
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  return name == "bun" ? Runtime::kBun : name == "deno" ? Runtime::kDeno : Runtime::kNode;
}

inline Limits ReadLimits(const Napi::Object& options) {
  return {ReadNumber(options, "slots"), ReadNumber(options, "submissionBatchMax"),
          ReadNumber(options, "completionBatchMax"), ReadNumber(options, "arenaBytes")};
}

inline SlabOptions ReadSlabOptions(const Napi::Object& options) {
  return {ReadFlag(options, "hugePages"), ReadSignedNumber(options, "numaNode"), ReadFlag(options, "guardPages")};
}

}  // namespace baton

#endif  // BATON_NAPI_OPTIONS_H_
