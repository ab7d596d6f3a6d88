// Operations on paths and on ranges of files: Baton's bits as Linux's, and the system calls themselves for drivers that
// make them. All answer 0 or a negative errno.
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

// --- the calls ----------------------------------------------------------------------------------------------------

inline int CallUnlink(const char* path, uint32_t argument) {
  return unlinkat(AT_FDCWD, path, SystemUnlinkFlags(argument)) == 0 ? 0 : -errno;
}

inline int CallRename(const char* from, const char* to, uint32_t argument) {
  const unsigned flags = SystemRenameFlags(argument);
  // By number: a C library may be older than the call.
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags) == 0 ? 0 : -errno;
}

inline int CallMkdir(const char* path, uint32_t mode) {
  return mkdirat(AT_FDCWD, path, static_cast<mode_t>(mode)) == 0 ? 0 : -errno;
}

inline int CallHardlink(const char* file, const char* name) {
  return linkat(AT_FDCWD, file, AT_FDCWD, name, 0) == 0 ? 0 : -errno;
}

inline int CallSymlink(const char* content, const char* name) {
  return symlinkat(content, AT_FDCWD, name) == 0 ? 0 : -errno;
}

inline int CallAllocate(int fd, uint32_t bits, int64_t position, int64_t bytes) {
  return fallocate(fd, SystemAllocateMode(bits), position, bytes) == 0 ? 0 : -errno;
}

inline int CallAdvise(int fd, uint32_t advice, int64_t position, int64_t bytes) {
  const int value = SystemAdvice(advice);
  return value < 0 ? -EINVAL : -posix_fadvise(fd, position, bytes, value);
}

}  // namespace baton

#endif  // BATON_FILE_CALLS_H_
