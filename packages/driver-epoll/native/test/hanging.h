// Calls that hang in the kernel until they are let go, as on a device that does not answer.
#ifndef BATON_EPOLL_TEST_HANGING_H_
#define BATON_EPOLL_TEST_HANGING_H_

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstdio>
#include <utility>

#include "bench.h"

namespace baton::epoll::test {

// Memory that nobody can write to until it is let go: a call of the kernel's that fills it hangs as it would on a
// device that does not answer.
class HangingMemory {
 public:
  HangingMemory(uint8_t* data, size_t bytes) : data_(data), bytes_(bytes) {
    fd_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    uffdio_api api{};
    api.api = UFFD_API;
    uffdio_register range{};
    range.range = {reinterpret_cast<uint64_t>(data), bytes};
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    hangs_ = fd_ >= 0 && ioctl(fd_, UFFDIO_API, &api) == 0 && madvise(data, bytes, MADV_DONTNEED) == 0 &&
             ioctl(fd_, UFFDIO_REGISTER, &range) == 0;
    if (!hangs_) std::printf("    left out: userfaultfd(2) is not permitted here\n");
  }
  ~HangingMemory() {
    LetGo();
    if (fd_ >= 0) close(fd_);
  }
  bool hangs() const { return hangs_; }
  // Waits until somebody hangs in it.
  bool IsTouched() const {
    pollfd descriptor{fd_, POLLIN, 0};
    return ::poll(&descriptor, 1, 2000) == 1;
  }
  void LetGo() {
    uffdio_range range{reinterpret_cast<uint64_t>(data_), bytes_};
    if (std::exchange(hangs_, false)) (void)ioctl(fd_, UFFDIO_UNREGISTER, &range);
  }

 private:
  uint8_t* const data_;
  const size_t bytes_;
  int fd_;
  bool hangs_;
};

// A read that hangs in a thread of the engine's.
class HangingRead {
 public:
  HangingRead(Bench& bench, uint32_t slot, uint32_t flags = 0)
      : number_(bench.engine().buffers().Allocate(kBytes, 1, {}).Take()), memory_(bench.Buffer(number_), kBytes) {
    if (!memory_.hangs()) return;
    record_ = &bench.Move(slot, Opcode::kRead, bench.OpenFile("/proc/version", kOpenRead), number_, 5000, 0, flags);
  }
  // False where nothing can be made to hang.
  bool hangs() const { return memory_.hangs(); }
  SubmissionRecord& record() { return *record_; }
  // Waits until the thread is in it.
  bool IsBegun() const { return memory_.IsTouched(); }
  void LetGo() { memory_.LetGo(); }

 private:
  static constexpr size_t kBytes = 8192;

  const uint32_t number_;
  HangingMemory memory_;
  SubmissionRecord* record_ = nullptr;
};

}  // namespace baton::epoll::test

#endif  // BATON_EPOLL_TEST_HANGING_H_
