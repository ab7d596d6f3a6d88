// The calls that only this driver has threads make, each with everything it needs by value: nothing of the engine is
// touched there.
#ifndef BATON_EPOLL_JOBS_H_
#define BATON_EPOLL_JOBS_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baton/open_call.h"
#include "baton/stat_answer.h"
#include "baton/uninterrupted.h"
#include "baton/unique_fd.h"
#include "baton/worker_pool.h"

namespace baton::epoll {

// A read or write that would block. `done` bytes were moved before, without blocking.
class TransferJob final : public Job {
 public:
  TransferJob(JobId job_id, bool writes, int fd, std::vector<iovec> parts, int64_t position, size_t done)
      : Job(job_id), writes_(writes), fd_(fd), parts_(std::move(parts)), position_(position), done_(done) {}

  int64_t Run() override {
    const int64_t moved = Uninterrupted([this] { return Call(); });
    if (moved >= 0) return static_cast<int64_t>(done_) + moved;
    // What was moved before is not undone by what failed after it.
    return done_ > 0 ? static_cast<int64_t>(done_) : moved;
  }

 private:
  // Position -1 is the descriptor's own.
  ssize_t Call() const {
    const int count = static_cast<int>(parts_.size());
    return writes_ ? pwritev2(fd_, parts_.data(), count, position_, 0)
                   : preadv2(fd_, parts_.data(), count, position_, 0);
  }

  const bool writes_;
  const int fd_;
  const std::vector<iovec> parts_;
  const int64_t position_;
  const size_t done_;
};

// Opens a file, without waiting for the other end of a FIFO.
class OpenJob final : public Job {
 public:
  OpenJob(JobId job_id, std::string path, uint32_t bits, mode_t mode)
      : Job(job_id), path_(std::move(path)), bits_(bits), mode_(mode) {}

  int64_t Run() override {
    const int flags = SystemOpenFlags(bits_);
    int64_t fd = Call(flags | O_NONBLOCK);
    if (fd < 0) return FifoAnswer(fd, path_.c_str(), bits_);
    struct stat answer;
    // Not of what is only a place in the tree.
    const bool is_known = (bits_ & kOpenPathOnly) == 0 && fstat(static_cast<int>(fd), &answer) == 0;
    if (!is_known) return fd;
    device = answer.st_dev;
    // Without its wait a drive opens that has no disk in it.
    if (S_ISBLK(answer.st_mode) && (bits_ & kOpenNonBlock) == 0) {
      opened_.Reset();
      return Call(flags);
    }
    pollable = S_ISFIFO(answer.st_mode) || S_ISCHR(answer.st_mode) || S_ISSOCK(answer.st_mode);
    lacks_writer = S_ISFIFO(answer.st_mode) && LacksWriter(static_cast<int>(fd), bits_);
    // What can be waited for stays as it is: the engine tries before it waits.
    if (!pollable) MakeBlocking(static_cast<int>(fd));
    return fd;
  }

  // The descriptor becomes somebody's. One that nobody takes is closed with the job.
  int Take() { return opened_.Release(); }

  // True for what can be waited for: everything but regular files, directories and block devices.
  bool pollable = false;
  // A FIFO of which only the reading end is open yet.
  bool lacks_writer = false;
  dev_t device = 0;

 private:
  int64_t Call(int flags) {
    const int64_t fd = Uninterrupted([this, flags] { return open(path_.c_str(), flags, mode_); });
    opened_.Reset(static_cast<int>(fd));
    return fd;
  }

  const std::string path_;
  const uint32_t bits_;
  const mode_t mode_;
  UniqueFd opened_;
};

class StatJob final : public Job {
 public:
  StatJob(JobId job_id, int fd, std::string path, int flags)
      : Job(job_id), fd_(fd), path_(std::move(path)), flags_(flags) {}

  int64_t Run() override {
    return Uninterrupted([this] { return statx(fd_, path_.c_str(), flags_, kStatMask, &answer); });
  }

  struct statx answer{};

 private:
  const int fd_;
  const std::string path_;
  const int flags_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_JOBS_H_
