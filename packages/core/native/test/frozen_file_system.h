// A file system of its own that can be frozen, as snapshots do (fsfreeze(8)): then every write to it hangs in the
// kernel, and nothing ends it but the thaw. It is in a mount namespace of this process, so nothing is left of it.
#ifndef BATON_TEST_FROZEN_FILE_SYSTEM_H_
#define BATON_TEST_FROZEN_FILE_SYSTEM_H_

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "baton/check.h"
#include "baton/unique_fd.h"

namespace baton::test {

class FrozenFileSystem {
 public:
  FrozenFileSystem() {
    BATON_CHECK(mkdtemp(directory_) != nullptr);
    const std::string image = *this / "image";
    const std::string make = "truncate -s 8M " + image + " && mkfs.ext4 -q -F " + image + " >/dev/null 2>&1";
    const std::string attach = "mkdir " + root() + " && mount -o loop " + image + " " + root() + " 2>/dev/null";
    mounted_ = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               std::system(make.c_str()) == 0 && std::system(attach.c_str()) == 0;
    if (!mounted_) {
      std::printf("    left out: no file system can be made and mounted here\n");
      return;
    }
    root_fd_ = UniqueFd(open(root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  FrozenFileSystem(const FrozenFileSystem&) = delete;
  FrozenFileSystem& operator=(const FrozenFileSystem&) = delete;
  ~FrozenFileSystem() {
    Thaw();
    root_fd_.Reset();
    if (mounted_) (void)umount2(root().c_str(), MNT_DETACH);
    const std::string remove = std::string("rm -rf ") + directory_;
    (void)!std::system(remove.c_str());
  }

  bool mounted() const { return mounted_; }
  std::string path(const char* name) const { return root() + "/" + name; }

  void Freeze() { frozen_ = ioctl(root_fd_.get(), FIFREEZE, 0) == 0; }
  void Thaw() {
    if (std::exchange(frozen_, false)) (void)ioctl(root_fd_.get(), FITHAW, 0);
  }

 private:
  std::string operator/(const char* name) const { return std::string(directory_) + "/" + name; }
  std::string root() const { return *this / "root"; }

  char directory_[32] = "/tmp/baton-frozen-XXXXXX";
  bool mounted_ = false;
  bool frozen_ = false;
  UniqueFd root_fd_;
};

// Thaws a file system when nobody has asked for it in a long time: a test that hangs fails instead.
class Thaw {
 public:
  explicit Thaw(FrozenFileSystem& files)
      : files_(files), thread_([this] {
          std::unique_lock lock(mutex_);
          too_late_ = !asked_.wait_for(lock, std::chrono::seconds(5), [this] { return now_; });
          files_.Thaw();
        }) {}
  // Thaws it now. False when it was too late: something had waited for it.
  bool Now() {
    {
      std::lock_guard lock(mutex_);
      now_ = true;
    }
    asked_.notify_one();
    thread_.join();
    return !too_late_;
  }

 private:
  FrozenFileSystem& files_;
  std::mutex mutex_;
  std::condition_variable asked_;
  bool now_ = false;
  bool too_late_ = false;
  std::thread thread_;
};

}  // namespace baton::test

#endif  // BATON_TEST_FROZEN_FILE_SYSTEM_H_
