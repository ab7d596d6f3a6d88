// Operations on paths and on ranges of files: Baton's bits as Linux's, for the calls and entries that are generated
// (file_calls.gen.h).
#ifndef BATON_FILE_CALLS_H_
#define BATON_FILE_CALLS_H_

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "baton/opcode.gen.h"

namespace baton {

// --- bits ---------------------------------------------------------------------------------------------------------

inline int SystemAllocateMode(uint32_t bits) {
  int mode = 0;
  if ((bits & kAllocateKeepSize) != 0) mode |= FALLOC_FL_KEEP_SIZE;
  // The kernel wants both said together.
  if ((bits & kAllocatePunchHole) != 0) mode |= FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if ((bits & kAllocateZeroRange) != 0) mode |= FALLOC_FL_ZERO_RANGE;
  return mode;
}

// -1 for an advice that there is not.
inline int SystemAdvice(uint32_t advice) {
  switch (advice) {
    case kAdviceNormal:
      return POSIX_FADV_NORMAL;
    case kAdviceRandom:
      return POSIX_FADV_RANDOM;
    case kAdviceSequential:
      return POSIX_FADV_SEQUENTIAL;
    case kAdviceWillNeed:
      return POSIX_FADV_WILLNEED;
    case kAdviceDontNeed:
      return POSIX_FADV_DONTNEED;
    case kAdviceNoReuse:
      return POSIX_FADV_NOREUSE;
    default:
      return -1;
  }
}

inline int SystemUnlinkFlags(uint32_t argument) { return argument == 1 ? AT_REMOVEDIR : 0; }
inline unsigned SystemRenameFlags(uint32_t argument) { return argument == 1 ? RENAME_NOREPLACE : 0U; }

// --- paths --------------------------------------------------------------------------------------------------------

inline const char* FirstPath(const uint8_t* area) { return reinterpret_cast<const char*>(area); }
// Behind the first and its NUL.
inline const char* SecondPath(const uint8_t* area, const SubmissionRecord& record) {
  return reinterpret_cast<const char*>(area) + record.length + 1;
}

// --- calls with more to them than their arguments -----------------------------------------------------------------

// By number: a C library may be older than the call.
inline int RenameAt(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) {
  return static_cast<int>(syscall(SYS_renameat2, from_fd, from, to_fd, to, flags));
}

// As a call that sets errno.
inline int Advise(int fd, int64_t position, int64_t bytes, uint32_t advice) {
  const int value = SystemAdvice(advice);
  errno = value < 0 ? EINVAL : posix_fadvise(fd, position, bytes, value);
  return errno == 0 ? 0 : -1;
}

}  // namespace baton

#endif  // BATON_FILE_CALLS_H_
