// The calls that worker threads make, each with everything it needs by value: nothing of the engine is touched there.
#ifndef BATON_EPOLL_JOBS_H_
#define BATON_EPOLL_JOBS_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "attempt.h"
#include "baton/opcode.gen.h"
#include "baton/stat_answer.h"
#include "worker_pool.h"

namespace baton::epoll {

// A read or write that would block. `done` bytes were moved before, without blocking.
class TransferJob final : public Job {
 public:
  TransferJob(JobId job_id, bool writes, int fd, uint8_t* data, size_t length, int64_t position,
              size_t done)
      : Job(job_id), writes_(writes), fd_(fd), data_(data), length_(length), position_(position), done_(done) {}

  int64_t Run() override {
    const int64_t moved = Uninterrupted([this] { return Call(); });
    if (moved >= 0) return static_cast<int64_t>(done_) + moved;
    // What was moved before is not undone by what failed after it.
    return done_ > 0 ? static_cast<int64_t>(done_) : moved;
  }

 private:
  ssize_t Call() const {
    if (position_ < 0) return writes_ ? write(fd_, data_, length_) : read(fd_, data_, length_);
    return writes_ ? pwrite(fd_, data_, length_, position_) : pread(fd_, data_, length_, position_);
  }

  const bool writes_;
  const int fd_;
  uint8_t* const data_;
  const size_t length_;
  const int64_t position_;
  const size_t done_;
};

// fsync, fdatasync, truncate.
class HandleJob final : public Job {
 public:
  HandleJob(JobId job_id, Opcode opcode, int fd, int64_t number)
      : Job(job_id), opcode_(opcode), fd_(fd), number_(number) {}

  int64_t Run() override {
    return Uninterrupted([this] {
      switch (opcode_) {
        case Opcode::kFsync:
          return fsync(fd_);
        case Opcode::kFdatasync:
          return fdatasync(fd_);
        default:
          return ftruncate(fd_, number_);
      }
    });
  }

 private:
  const Opcode opcode_;
  const int fd_;
  const int64_t number_;
};

// close(2) can block on a network file system; its answer is reported once and never retried.
class CloseJob final : public Job {
 public:
  CloseJob(JobId job_id, int fd) : Job(job_id), fd_(fd) {}
  int64_t Run() override { return close(fd_) == 0 ? 0 : -errno; }

 private:
  const int fd_;
};

class OpenJob final : public Job {
 public:
  OpenJob(JobId job_id, std::string path, int flags, mode_t mode)
      : Job(job_id), path_(std::move(path)), flags_(flags), mode_(mode) {}

  int64_t Run() override {
    const int64_t fd = Uninterrupted([this] { return open(path_.c_str(), flags_, mode_); });
    if (fd < 0) return fd;
    type = TypeOf(static_cast<int>(fd));
    // It was opened here, so nobody else shares the mode.
    if (IsPollable(type)) (void)fcntl(static_cast<int>(fd), F_SETFL, flags_ | O_NONBLOCK);
    return fd;
  }

  // True for what can be waited for: everything but regular files, directories and block devices.
  static bool IsPollable(mode_t type) { return S_ISFIFO(type) || S_ISCHR(type) || S_ISSOCK(type); }

  // File type bits of what was opened: decides whether it can be waited for.
  mode_t type = 0;

 private:
  static mode_t TypeOf(int fd) {
    struct stat answer;
    return fstat(fd, &answer) == 0 ? answer.st_mode & S_IFMT : 0;
  }

  const std::string path_;
  const int flags_;
  const mode_t mode_;
};

class StatJob final : public Job {
 public:
  StatJob(JobId job_id, int fd, std::string path, int flags)
      : Job(job_id), fd_(fd), path_(std::move(path)), flags_(flags) {}

  int64_t Run() override {
    return Uninterrupted([this] { return statx(fd_, path_.c_str(), flags_, kStatMask, &answer); });
  }

  struct statx answer {};

 private:
  const int fd_;
  const std::string path_;
  const int flags_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_JOBS_H_
