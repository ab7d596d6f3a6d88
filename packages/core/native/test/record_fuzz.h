// Random submissions against a whole engine, under the sanitizers: records with numbers from everywhere, records that
// change in flight, slots, chains and provided buffers that are none. Whatever is asked for, the process goes on, and
// what the engine takes ends once.
//
// It asks for operations on paths and addresses too, so the process that runs it is shut in first: a file system of its
// own that holds 16 MiB, and a network of its own. Where that cannot be had, these operations are left out.
#ifndef BATON_TEST_RECORD_FUZZ_H_
#define BATON_TEST_RECORD_FUZZ_H_

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "baton/opcode.gen.h"
#include "engine_bench.h"

namespace baton::test {

// How long one run goes on, and where it starts: `BATON_FUZZ_MS` and `BATON_FUZZ_SEED`.
struct FuzzPlan {
  uint64_t milliseconds = 3000;
  uint32_t seed = 1;

  static FuzzPlan FromEnvironment() {
    FuzzPlan plan;
    if (const char* text = std::getenv("BATON_FUZZ_MS")) plan.milliseconds = std::strtoull(text, nullptr, 10);
    if (const char* text = std::getenv("BATON_FUZZ_SEED")) {
      plan.seed = static_cast<uint32_t>(std::strtoull(text, nullptr, 10));
    }
    return plan;
  }
};

// Shuts the process in; false where that is not allowed.
inline bool ShutIn() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  char directory[] = "/tmp/baton-fuzz-XXXXXX";
  const bool apart =
      unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) == 0;
  if (!apart || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (mkdtemp(directory) == nullptr) return false;
  const bool mounted = mount("fuzz", directory, "tmpfs", 0, "size=16m,nr_inodes=4096") == 0;
  if (!mounted) rmdir(directory);
  // The sanitizer counts threads there when it looks for leaks.
  const std::string proc = std::string(directory) + "/proc";
  if (mounted && mkdir(proc.c_str(), 0700) == 0) (void)mount("/proc", proc.c_str(), nullptr, MS_BIND | MS_REC, nullptr);
  const bool inside = mounted && chroot(directory) == 0 && chdir("/") == 0;
  // The loopback device of the new network.
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  (void)ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  return inside;
}

template <typename Bench>
class RecordFuzz {
 public:
  RecordFuzz(uint32_t seed, bool shut_in) : random_(seed), shut_in_(shut_in) {}

  // One engine from its opening to its end. False when something that was taken has not ended.
  bool Round() {
    Bench bench;
    PrepareArena(bench);
    for (int batch = 0; batch < kBatches; batch++) {
      Provide(bench);
      const uint32_t count = Below(24);
      for (uint32_t index = 0; index < count; index++) Submission(bench);
      bench.Submit();
      Spoil(bench);
      if (Chance(3)) bench.Turn();
    }
    // What waits for somebody who never comes.
    const bool over = bench.engine().Shutdown(5000) == 0;
    operations_ += bench.completions.size();
    return over;
  }

  uint64_t operations() const { return operations_; }

 private:
  static constexpr int kBatches = 40;
  static constexpr uint32_t kSlots = 64;

  uint32_t Any() { return static_cast<uint32_t>(random_()); }
  uint32_t Below(uint32_t limit) { return Any() % limit; }
  bool Chance(uint32_t one_in) { return Below(one_in) == 0; }

  // A number that is mostly small, sometimes near a power of two, and sometimes anything.
  uint32_t Number(uint32_t limit) {
    switch (Below(8)) {
      case 0:
        return Any();
      case 1:
        return (1U << Below(32)) - Below(3);
      case 2:
        return UINT32_MAX - Below(8);
      default:
        return Below(limit);
    }
  }

  // Names of a few letters, loopback addresses and vectors, side by side.
  void PrepareArena(Bench& bench) {
    constexpr uint32_t kCell = 256;
    for (uint32_t at = 0; at + kCell <= kArenaBytes; at += kCell) {
      uint8_t* cell = bench.Arena(static_cast<int32_t>(at));
      std::memset(cell, 0, kCell);
      switch (at / kCell % 4) {
        case 0:
          std::snprintf(reinterpret_cast<char*>(cell), kCell, "n%u", Below(20));
          cell[8] = 'm';
          break;
        case 1: {
          const uint32_t address[4] = {Chance(3) ? kAddressFamilyUnix : kAddressFamilyIpv4, Below(200), 0, 0x0100007f};
          std::memcpy(cell, address, sizeof(address));
          break;
        }
        default:
          for (uint32_t word = 0; word < kCell / sizeof(uint32_t); word++) {
            const uint32_t value = Number(word % 3 == 0 ? 64 : 4096);
            std::memcpy(cell + word * sizeof(value), &value, sizeof(value));
          }
      }
    }
  }

  bool IsAllowed(Opcode opcode) const {
    // It would be given the engine's own descriptors, and those of whoever runs this.
    if (opcode == Opcode::kAdopt) return false;
    if (shut_in_) return true;
    const AreaContent area = InfoOf(opcode).area;
    return area == AreaContent::kNone || area == AreaContent::kVector || area == AreaContent::kHandles;
  }

  Opcode SomeOpcode() {
    for (;;) {
      const auto opcode = static_cast<Opcode>(Below(kOpcodeCount));
      if (IsAllowed(opcode)) return opcode;
    }
  }

  void Submission(Bench& bench) {
    if (Chance(12)) return bench.Queue(Number(kSlots));
    const Opcode opcode = SomeOpcode();
    const uint32_t slot = Below(kSlots);
    bench.NextGeneration(slot);
    Fill(bench.Prepare(slot, opcode, Chance(4) ? (Below(16) << 8) : 0U));
    // In flight already: the record is another's, which must not mind.
  }

  void Fill(SubmissionRecord& record) {
    record.handle_index = static_cast<int32_t>(Number(8));
    record.handle_generation = Chance(8) ? Any() : 1;
    record.buffer = static_cast<int32_t>(Number(Bench::kBuffers));
    record.buffer_offset = Number(4096);
    record.length = Number(64);
    record.arena_offset = static_cast<int32_t>(Chance(4) ? Number(kArenaBytes) : Below(kArenaBytes / 256) * 256);
    record.arena_length = Chance(4) ? Number(kArenaBytes) : 4096;
    record.position_low = Number(8192);
    record.position_high = Chance(6) ? static_cast<int32_t>(Any()) : Chance(2) ? -1 : 0;
    if (record.position_high == -1) record.position_low = UINT32_MAX;
    record.argument0 = Number(40);
    record.argument1 = Number(40);
    record.second_handle_index = static_cast<int32_t>(Number(8));
    record.second_handle_generation = Chance(8) ? Any() : 1;
    record.vector_count = Number(8);
    if (Chance(16)) record.generation = Any();
    // One bit of it, whichever.
    if (Chance(4)) reinterpret_cast<uint32_t*>(&record)[Below(kSubmissionWords)] ^= 1U << Below(32);
    // What is not allowed does not come in by a flipped bit.
    if (!IsOpcode(record.OpcodeNumber()) || IsAllowed(static_cast<Opcode>(record.OpcodeNumber()))) return;
    record.operation = static_cast<uint32_t>(Opcode::kNop);
  }

  void Provide(Bench& bench) {
    if (!Chance(4)) return;
    auto& shared = bench.engine().shared();
    auto* window = reinterpret_cast<uint32_t*>(shared.provided_block.data);
    const uint32_t count = Below(8);
    for (uint32_t index = 0; index < count; index++) window[index] = Number(Bench::kBuffers);
    shared.control(kControlProvidedBytes) = Number(4096);
    shared.control(kControlProvidedCount) = Chance(16) ? Any() : count;
  }

  // Writes into a record, whether it is in flight or not.
  void Spoil(Bench& bench) {
    if (!Chance(3)) return;
    auto& record = const_cast<SubmissionRecord&>(bench.engine().shared().record(Below(kSlots)));
    const uint32_t word = 1 + Below(kSubmissionWords - 1);
    reinterpret_cast<uint32_t*>(&record)[word] = Number(4096);
  }

  std::mt19937 random_;
  const bool shut_in_;
  uint64_t operations_ = 0;
};

// Runs rounds until the plan's time is over. False when one of them went wrong; it says which.
template <typename Bench>
bool FuzzRecords(const FuzzPlan& plan) {
  using Clock = std::chrono::steady_clock;
  const bool shut_in = ShutIn();
  if (!shut_in) std::printf("    no namespaces here: without operations on paths and addresses\n");
  const auto end = Clock::now() + std::chrono::milliseconds(plan.milliseconds);
  uint64_t operations = 0;
  uint32_t seed = plan.seed;
  for (; Clock::now() < end; seed++) {
    // The sanitizer's report stands behind the seed that it belongs to.
    if (plan.milliseconds > FuzzPlan().milliseconds) std::printf("    seed %u\n", seed);
    RecordFuzz<Bench> fuzz(seed, shut_in);
    if (!fuzz.Round()) {
      std::printf("    seed %u: something that was taken has not ended\n", seed);
      return false;
    }
    operations += fuzz.operations();
  }
  std::printf("    %u rounds, %llu completions\n", seed - plan.seed, static_cast<unsigned long long>(operations));
  return operations > 0;
}

}  // namespace baton::test

#endif  // BATON_TEST_RECORD_FUZZ_H_
