// The answer to `stat`, in the layout that core reads.
#ifndef BATON_STAT_ANSWER_H_
#define BATON_STAT_ANSWER_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <cstring>

#include "baton/opcode.gen.h"

namespace baton {

inline constexpr unsigned kStatMask = STATX_BASIC_STATS | STATX_BTIME;

inline void WriteStat(const struct statx& stat, uint8_t* area) {
  int64_t fields[kStatWords / 2] = {};
  fields[kStatDevice] = static_cast<int64_t>(makedev(stat.stx_dev_major, stat.stx_dev_minor));
  fields[kStatInode] = static_cast<int64_t>(stat.stx_ino);
  fields[kStatMode] = stat.stx_mode;
  fields[kStatLinks] = stat.stx_nlink;
  fields[kStatUserId] = stat.stx_uid;
  fields[kStatGroupId] = stat.stx_gid;
  fields[kStatDeviceType] = static_cast<int64_t>(makedev(stat.stx_rdev_major, stat.stx_rdev_minor));
  fields[kStatSizeBytes] = static_cast<int64_t>(stat.stx_size);
  fields[kStatBlockBytes] = stat.stx_blksize;
  fields[kStatBlocks512] = static_cast<int64_t>(stat.stx_blocks);
  const auto set_time = [&fields](uint32_t seconds, uint32_t nanoseconds, const struct statx_timestamp& time) {
    fields[seconds] = time.tv_sec;
    fields[nanoseconds] = time.tv_nsec;
  };
  set_time(kStatAccessedSeconds, kStatAccessedNanoseconds, stat.stx_atime);
  set_time(kStatModifiedSeconds, kStatModifiedNanoseconds, stat.stx_mtime);
  set_time(kStatChangedSeconds, kStatChangedNanoseconds, stat.stx_ctime);
  // A file system that keeps no birth time answers 0 for it.
  if ((stat.stx_mask & STATX_BTIME) != 0) set_time(kStatCreatedSeconds, kStatCreatedNanoseconds, stat.stx_btime);
  std::memcpy(area, fields, sizeof(fields));
}

}  // namespace baton

#endif  // BATON_STAT_ANSWER_H_
