// Lets calls of Node-API fail, as a runtime does that is short of memory: the n-th since the program asked for it.
// Included in front of an addon's own sources (`AddonVariant.failing`): the runtime's functions are in its executable,
// where no preloaded library comes before them. The control block is the one of fail_calls.c, and behind it stands how
// much memory the addon has mapped by itself: what it must have given back when everybody has let go of it.
#ifndef BATON_TEST_FAIL_NAPI_H_
#define BATON_TEST_FAIL_NAPI_H_

// What node-addon-api calls by itself goes through.
#include <fcntl.h>
#include <napi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace baton_test {

struct Control {
  int32_t call;
  int32_t which;
  int32_t error;
  int32_t count;
  int64_t mapped_bytes;
};

inline Control* FindControl() {
  const char* path = std::getenv("BATON_FAIL_CONTROL");
  if (path == nullptr) return nullptr;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Control*>(memory);
}

inline Control* ControlBlock() {
  static Control* const control = FindControl();
  return control;
}

inline bool Fails() {
  constexpr int32_t kNapi = 100;
  Control* const control = ControlBlock();
  return control != nullptr && control->call == kNapi && ++control->count == control->which;
}

inline void* Map(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  void* const memory = mmap(address, bytes, protection, flags, fd, offset);
  if (memory != MAP_FAILED && ControlBlock() != nullptr) ControlBlock()->mapped_bytes += static_cast<int64_t>(bytes);
  return memory;
}

inline int Unmap(void* address, size_t bytes) {
  const int result = munmap(address, bytes);
  if (result == 0 && ControlBlock() != nullptr) ControlBlock()->mapped_bytes -= static_cast<int64_t>(bytes);
  return result;
}

}  // namespace baton_test

#define mmap(...) baton_test::Map(__VA_ARGS__)
#define munmap(...) baton_test::Unmap(__VA_ARGS__)

#define BATON_FAIL_OR(call) (baton_test::Fails() ? napi_generic_failure : (call))

// A macro does not expand within itself.
#define napi_create_external_arraybuffer(...) BATON_FAIL_OR(napi_create_external_arraybuffer(__VA_ARGS__))
#define napi_create_reference(...) BATON_FAIL_OR(napi_create_reference(__VA_ARGS__))
#define napi_create_object(...) BATON_FAIL_OR(napi_create_object(__VA_ARGS__))
#define napi_create_array_with_length(...) BATON_FAIL_OR(napi_create_array_with_length(__VA_ARGS__))
#define napi_create_uint32(...) BATON_FAIL_OR(napi_create_uint32(__VA_ARGS__))
#define napi_create_function(...) BATON_FAIL_OR(napi_create_function(__VA_ARGS__))
#define napi_add_finalizer(...) BATON_FAIL_OR(napi_add_finalizer(__VA_ARGS__))
#define napi_set_element(...) BATON_FAIL_OR(napi_set_element(__VA_ARGS__))
#define napi_set_named_property(...) BATON_FAIL_OR(napi_set_named_property(__VA_ARGS__))
#define napi_detach_arraybuffer(...) BATON_FAIL_OR(napi_detach_arraybuffer(__VA_ARGS__))
#define napi_add_async_cleanup_hook(...) BATON_FAIL_OR(napi_add_async_cleanup_hook(__VA_ARGS__))
#define napi_get_uv_event_loop(...) BATON_FAIL_OR(napi_get_uv_event_loop(__VA_ARGS__))

#endif  // BATON_TEST_FAIL_NAPI_H_
