// The uring engine on a table, over a ring that can fail on purpose.
#ifndef BATON_URING_TEST_BENCH_H_
#define BATON_URING_TEST_BENCH_H_

#include <memory>

#include "engine.h"
#include "engine_bench.h"
#include "fault_ring.h"

namespace baton::uring::test {

struct BenchOptions {
  uint32_t entries = 64;
  uint32_t cq_entries = 0;
  uint32_t slots = 4096;
  uint32_t completion_batch_max = 64;
  uint32_t disabled_features = 0;
  bool defer_taskrun = false;
  bool sqpoll = false;
  uint32_t zero_copy_min_bytes = 0;
  bool register_buffers = false;
};

inline std::unique_ptr<Engine<FaultRing>> MakeEngine(const BenchOptions& options) {
  RingOptions ring_options;
  ring_options.entries = options.entries;
  ring_options.cq_entries = options.cq_entries;
  ring_options.defer_taskrun = options.defer_taskrun;
  ring_options.sqpoll = options.sqpoll;
  ring_options.sqpoll_idle_ms = 100;
  ring_options.disabled_features = options.disabled_features;
  auto ring = Ring::Create(ring_options);
  BATON_CHECK(ring.ok());
  auto shared = SharedMemory::Create({options.slots, 1024, options.completion_batch_max, baton::test::kArenaBytes});
  BATON_CHECK(shared.ok());
  const Features features = DetectFeatures(ring.value()->raw(), options.disabled_features);
  auto engine = Engine<FaultRing>::Create(std::make_unique<FaultRing>(ring.Take()), shared.Take(), features,
                                          {options.zero_copy_min_bytes, options.register_buffers});
  BATON_CHECK(engine.ok());
  return engine.Take();
}

class Bench : public baton::test::EngineBench<Engine<FaultRing>> {
 public:
  explicit Bench(const BenchOptions& options = {}) : EngineBench(MakeEngine(options)) {}

  FaultRing& port() { return engine().port(); }
};

}  // namespace baton::uring::test

#endif  // BATON_URING_TEST_BENCH_H_
