// The memory that core (JavaScript) and an engine share for one session. Allocated here, outside the JavaScript heap,
// because the kernel may still write answers into it when the JavaScript environment is gone.
#ifndef BATON_SHARED_MEMORY_H_
#define BATON_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "baton/opcode.gen.h"
#include "baton/result.h"
#include "baton/slab.h"

namespace baton {

struct Limits {
  uint32_t slots = 0;
  uint32_t submission_batch_max = 0;
  uint32_t completion_batch_max = 0;
  uint32_t arena_bytes = 0;
};

// One block of it, as JavaScript sees it: an ArrayBuffer of its own.
struct SharedBlock {
  SlabRef slab;
  uint8_t* data = nullptr;
  size_t bytes = 0;
};

class SharedMemory {
 public:
  static Result<SharedMemory> Create(const Limits& limits) {
    SharedMemory memory;
    memory.limits_ = limits;
    SharedBlock* blocks[] = {&memory.records_block, &memory.submissions_block, &memory.completions_block,
                             &memory.control_block, &memory.provided_block,    &memory.arena_block};
    const size_t sizes[] = {limits.slots * sizeof(SubmissionRecord),
                            limits.submission_batch_max * sizeof(int32_t),
                            limits.completion_batch_max * sizeof(CompletionRecord),
                            kControlWords * sizeof(int32_t),
                            kProvidedMax * sizeof(int32_t),
                            limits.arena_bytes};
    for (size_t index = 0; index < 6; index++) {
      auto slab = Slab::Create(sizes[index], 1, {});
      if (!slab.ok()) return Result<SharedMemory>::Error(slab.error());
      blocks[index]->slab = SlabRef::Adopt(slab.value());
      blocks[index]->data = slab.value()->buffer(0);
      blocks[index]->bytes = sizes[index];
    }
    return memory;
  }

  const Limits& limits() const { return limits_; }
  const SubmissionRecord& record(uint32_t slot) const {
    return reinterpret_cast<const SubmissionRecord*>(records_block.data)[slot];
  }
  uint32_t submission(uint32_t index) const { return reinterpret_cast<const uint32_t*>(submissions_block.data)[index]; }
  CompletionRecord* completions() const { return reinterpret_cast<CompletionRecord*>(completions_block.data); }
  uint32_t& control(size_t word) const { return reinterpret_cast<uint32_t*>(control_block.data)[word]; }
  uint32_t provided(uint32_t index) const { return reinterpret_cast<const uint32_t*>(provided_block.data)[index]; }
  uint8_t* arena(int32_t offset) const { return arena_block.data + offset; }

  SharedBlock records_block;
  SharedBlock submissions_block;
  SharedBlock completions_block;
  SharedBlock control_block;
  SharedBlock provided_block;
  SharedBlock arena_block;

 private:
  Limits limits_;
};

}  // namespace baton

#endif  // BATON_SHARED_MEMORY_H_
