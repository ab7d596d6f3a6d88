// What rings take of locked memory, which sizes are tried, and waiting for memory that is on its way back.
#ifndef BATON_URING_LOCKED_MEMORY_H_
#define BATON_URING_LOCKED_MEMORY_H_

#include <liburing.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>

namespace baton::uring {

// Sizes to try when memory is not granted for the one that was asked for.
inline constexpr uint32_t kSizeLadder[] = {4096, 1024, 256, 64, 8};
// Completion entries for each submission entry, unless told otherwise.
inline constexpr uint32_t kCompletionsPerEntry = 4;

// Bytes that a ring is charged with, in whole pages. Source: `rings_size` in io_uring/io_uring.c; measured on 6.18.
constexpr uint64_t RingBytes(uint32_t entries, uint32_t cq_entries) {
  constexpr uint64_t kPageBytes = 4096;
  // Heads, tails and counters before the completions.
  constexpr uint64_t kHeaderBytes = 64;
  const auto pages = [](uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; };
  const uint64_t submissions = std::bit_ceil(entries);
  const uint64_t completions = std::bit_ceil(cq_entries);
  return pages(submissions * sizeof(io_uring_sqe)) +
         pages(kHeaderBytes + completions * sizeof(io_uring_cqe) + submissions * sizeof(uint32_t));
}

// Whether the limit on locked memory could hold so much if nobody else of this user had locked anything.
inline bool MayFit(uint64_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return true;
  return bytes <= limit.rlim_cur;
}

// The kernel gives a closed ring's locked memory back 12 to 21 ms after the close (measured on 6.18), so a ring that
// was just closed may stand in the way of the next one: detection's own, or that of a backend or a process before it.
// What the limit has room for is waited for before less is taken.
class MemoryWait {
 public:
  // Repeats `attempt`, which takes `bytes` in all, while it answers -ENOMEM and waiting can help; returns its last
  // answer.
  template <typename Attempt>
  int For(uint64_t bytes, Attempt attempt) {
    int error = attempt();
    for (; error == -ENOMEM && waits_left_ > 0 && MayFit(bytes); --waits_left_) {
      usleep(kWaitUs);
      error = attempt();
    }
    return error;
  }

 private:
  static constexpr int kWaitsMax = 6;
  static constexpr useconds_t kWaitUs = 10'000;

  // For everything that one ring needs: 60 ms in all.
  int waits_left_ = kWaitsMax;
};

}  // namespace baton::uring

#endif  // BATON_URING_LOCKED_MEMORY_H_
