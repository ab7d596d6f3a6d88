// Notices that this process is a fork of the one that made the engine: there, the ring and its descriptors are shared
// with the parent, and touching them would take the parent's completions. One load per check, no system call.
#ifndef BATON_FORK_GUARD_H_
#define BATON_FORK_GUARD_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace baton {

class ForkGuard {
 public:
  ForkGuard() {
    void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    page_ = static_cast<volatile uint32_t*>(page);
    // Linux 4.14; where it is missing, the check costs a system call.
    wiped_on_fork_ = madvise(page, kPageBytes, MADV_WIPEONFORK) == 0;
    *page_ = kAlive;
  }
  ~ForkGuard() {
    if (page_ != nullptr) munmap(const_cast<uint32_t*>(page_), kPageBytes);
  }
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  bool IsForked() const {
    if (page_ != nullptr && wiped_on_fork_) [[likely]]
      return *page_ != kAlive;
    return getpid() != pid_;
  }

 private:
  static constexpr size_t kPageBytes = 4096;
  static constexpr uint32_t kAlive = 0xba70;

  volatile uint32_t* page_ = nullptr;
  bool wiped_on_fork_ = false;
  const pid_t pid_ = getpid();
};

}  // namespace baton

#endif  // BATON_FORK_GUARD_H_
