// An engine on a table: writes submission records as core does, and gathers completion records as core does.
#ifndef BATON_TEST_ENGINE_BENCH_H_
#define BATON_TEST_ENGINE_BENCH_H_

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "baton/check.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"

namespace baton::test {

// Areas may start anywhere in the first 64 KiB, and each is long enough for the longest vector.
inline constexpr uint32_t kAreaBytes = 16384;
inline constexpr uint32_t kArenaBytes = 65536 + kAreaBytes;

template <typename Engine>
class EngineBench {
 public:
  static constexpr uint32_t kBuffers = 64;

  explicit EngineBench(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {
    generations_.assign(engine_->shared().limits().slots, 1);
    auto buffers = engine_->buffers().Allocate(4096, kBuffers, {});
    BATON_CHECK(buffers.ok());
  }

  Engine& engine() { return *engine_; }

  // The record of a slot, cleared, with its opcode; queued for the next `Submit`.
  SubmissionRecord& Prepare(uint32_t slot, Opcode opcode, uint32_t flags = 0) {
    auto& record = const_cast<SubmissionRecord&>(engine_->shared().record(slot));
    record = {};
    record.operation = static_cast<uint32_t>(opcode) | flags;
    record.generation = generations_[slot];
    record.handle_index = -1;
    record.buffer = -1;
    record.arena_offset = -1;
    record.arena_length = kAreaBytes;
    record.second_handle_index = -1;
    queued_.push_back(slot);
    return record;
  }

  // Queues a slot that may be none.
  void Queue(uint32_t slot) { queued_.push_back(slot); }

  // Submits what is queued, in batches, and takes what is ready. Returns how many records the engine took.
  uint32_t Submit() {
    uint32_t taken = 0;
    while (!queued_.empty()) {
      const auto count = static_cast<uint32_t>(std::min<size_t>(queued_.size(), 1024));
      auto* window = reinterpret_cast<uint32_t*>(engine_->shared().submissions_block.data);
      std::copy_n(queued_.begin(), count, window);
      const uint32_t now = engine_->Submit(count);
      taken += now;
      queued_.erase(queued_.begin(), queued_.begin() + now);
      Gather(engine_->shared().control(kControlCompletionCount));
      GatherWaiting();
      if (now < count) break;
    }
    return taken;
  }

  // Waits as an event loop does until `count` completions are there, or for a second.
  bool WaitFor(size_t count) {
    for (int rounds = 0; completions.size() < count && rounds < 1000; rounds++) {
      pollfd descriptor{engine_->pollable_fd(), POLLIN, 0};
      if (::poll(&descriptor, 1, 1000) <= 0) return false;
      Gather(engine_->Reap());
      GatherWaiting();
    }
    return completions.size() >= count;
  }

  // One turn of an event loop that was woken.
  void Turn() { Gather(engine_->Reap()); }

  // The only completion of a slot.
  const CompletionRecord* Only(uint32_t slot) const {
    const CompletionRecord* found = nullptr;
    for (const CompletionRecord& record : completions) {
      if (record.slot != slot) continue;
      if (found != nullptr) return nullptr;
      found = &record;
    }
    return found;
  }

  uint8_t* Arena(int32_t offset) { return engine_->shared().arena(offset); }
  uint8_t* Buffer(uint32_t number) { return engine_->buffers().Find(number)->data; }
  void NextGeneration(uint32_t slot) { generations_[slot]++; }

  // Opens a path and returns its handle's completion.
  CompletionRecord Open(const std::string& path, uint32_t flags, uint32_t slot = 0) {
    SubmissionRecord& record = Prepare(slot, Opcode::kOpen);
    std::memcpy(Arena(0), path.c_str(), path.size() + 1);
    record.arena_offset = 0;
    record.length = static_cast<uint32_t>(path.size());
    record.argument0 = flags;
    record.argument1 = 0600;
    completions.clear();
    Submit();
    BATON_CHECK(WaitFor(1));
    const CompletionRecord opened = completions.back();
    completions.clear();
    NextGeneration(slot);
    return opened;
  }

  void Use(SubmissionRecord& record, const CompletionRecord& handle) {
    record.handle_index = handle.result;
    record.handle_generation = handle.flags >> kAuxiliaryShift;
  }

  std::vector<CompletionRecord> completions;

 private:
  void Gather(uint32_t count) {
    const CompletionRecord* records = engine_->shared().completions();
    completions.insert(completions.end(), records, records + count);
  }

  // Those that did not fit.
  void GatherWaiting() {
    while (engine_->shared().control(kControlCompletionsWaiting) != 0) {
      engine_->Submit(0);
      Gather(engine_->shared().control(kControlCompletionCount));
    }
  }

  std::unique_ptr<Engine> engine_;
  std::vector<uint32_t> generations_;
  std::vector<uint32_t> queued_;
};

}  // namespace baton::test

#endif  // BATON_TEST_ENGINE_BENCH_H_
