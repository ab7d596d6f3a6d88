// A child process that is sent ahead to ask the kernel, because a seccomp filter may kill whoever does. It is a copy of
// the calling thread: the filter of that very thread judges it, nothing is executed, and no descriptor, file or
// permission of the runtime is needed. What it finds stands in memory that both share.
#ifndef BATON_URING_PROBE_CHILD_H_
#define BATON_URING_PROBE_CHILD_H_

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <new>

#include "baton/result.h"
#include "probe.h"
#include "rehearsal.h"

namespace baton::uring {

// What the child leaves behind.
struct ProbeReport {
  KernelProbe probe;
  Rehearsal rehearsal;
  std::atomic<bool> done{false};
};

class ProbeChild {
 public:
  // Starts it; a negative errno when no process can be made: -EAGAIN (too many), -ENOMEM, or what a filter answers.
  static Result<std::unique_ptr<ProbeChild>> Start(uint32_t entries) {
    void* shared = mmap(nullptr, sizeof(ProbeReport), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return Result<std::unique_ptr<ProbeChild>>::Error(-errno);
    auto child = std::unique_ptr<ProbeChild>(new ProbeChild(new (shared) ProbeReport()));
    const int error = child->Fork(entries);
    if (error < 0) return Result<std::unique_ptr<ProbeChild>>::Error(error);
    return child;
  }

  ProbeChild(const ProbeChild&) = delete;
  ProbeChild& operator=(const ProbeChild&) = delete;
  ~ProbeChild() {
    Kill();
    munmap(report_, sizeof(ProbeReport));
  }

  // True once the child is gone; never waits.
  bool HasEnded() {
    if (pid_ < 0) return true;
    int status = 0;
    const pid_t gone = waitpid(pid_, &status, WNOHANG | __WALL);
    if (gone == 0 || (gone < 0 && errno == EINTR)) return false;
    // Somebody else in this process may have waited for every child there is: then the report has to tell.
    signal_ = gone < 0 ? (report_->done ? 0 : SIGSYS) : WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    pid_ = -1;
    return true;
  }

  // Ends it. One that the kernel does not let go is not waited for: it ends with this process at the latest.
  void Kill() {
    if (pid_ < 0) return;
    (void)kill(pid_, SIGKILL);
    for (int looks = 0; looks < kKillLooksMax && !HasEnded(); looks++) usleep(kKillLookUs);
    pid_ = -1;
  }

  // The signal it died of; 0 when it came to its end.
  int signal() const { return signal_; }
  // It said everything that there was to say.
  bool done() const { return report_->done; }
  const ProbeReport& report() const { return *report_; }

 private:
  static constexpr int kKillLooksMax = 20;
  static constexpr useconds_t kKillLookUs = 500;

  explicit ProbeChild(ProbeReport* report) : report_(report) {}

  int Fork(uint32_t entries) {
    // A handler of the runtime that ran in the child would write into pipes that it shares with its parent.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid();
    // Without a signal for its end: no handler hears of it, and no wait(2) of the program takes it away. Not fork(3),
    // whose handlers belong to libraries that this is none of the business of.
    const auto made = static_cast<pid_t>(syscall(SYS_clone, 0UL, nullptr, nullptr, nullptr, nullptr));
    const int error = errno;
    if (made == 0) RunChild(parent, entries, *report_);
    (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (made < 0) return -error;
    pid_ = made;
    return 0;
  }

  // In the child: other threads are not there, and may have left locks behind, so nothing here allocates or locks.
  [[noreturn]] static void RunChild(pid_t parent, uint32_t entries, ProbeReport& report) {
    // A handler that returned from a trap would make an answer of it.
    struct sigaction fatal{};
    fatal.sa_handler = SIG_DFL;
    (void)sigaction(SIGSYS, &fatal, nullptr);
    // No core file for a death that is expected; and no life after the parent's.
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() == parent) {
      // First, because it notes each call before it is made; what the probe calls is among them.
      Rehearse(entries, report.rehearsal);
      ProbeKernel(report.probe);
      report.done = true;
    }
    syscall(SYS_exit_group, 0);
    __builtin_unreachable();
  }

  ProbeReport* report_;
  pid_t pid_ = -1;
  int signal_ = 0;
};

}  // namespace baton::uring

#endif  // BATON_URING_PROBE_CHILD_H_
