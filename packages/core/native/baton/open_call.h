// Opening files without waiting for anybody. open(2) waits for the other end of a FIFO for as long as it takes, and who
// waits there holds a thread that others need. So the engines open without waiting, answer "not yet", and core asks
// again: for writing by opening once more, for reading with the end that is open by then, which the other side sees as
// it sees a reader that waits.
#ifndef BATON_OPEN_CALL_H_
#define BATON_OPEN_CALL_H_

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/unique_fd.h"

namespace baton {

// Baton's open flag bits as Linux's.
inline int SystemOpenFlags(uint32_t bits) {
  const bool reads = (bits & kOpenRead) != 0;
  const bool writes = (bits & kOpenWrite) != 0;
  // A terminal that a library opens shall not become the one that controls the process.
  int flags = O_CLOEXEC | O_NOCTTY | (writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY);
  if ((bits & kOpenCreate) != 0) flags |= O_CREAT;
  if ((bits & kOpenExclusive) != 0) flags |= O_EXCL;
  if ((bits & kOpenTruncate) != 0) flags |= O_TRUNC;
  if ((bits & kOpenAppend) != 0) flags |= O_APPEND;
  if ((bits & kOpenDirect) != 0) flags |= O_DIRECT;
  if ((bits & kOpenDataSync) != 0) flags |= O_DSYNC;
  if ((bits & kOpenSync) != 0) flags |= O_SYNC;
  if ((bits & kOpenNonBlock) != 0) flags |= O_NONBLOCK;
  if ((bits & kOpenNoFollow) != 0) flags |= O_NOFOLLOW;
  if ((bits & kOpenDirectory) != 0) flags |= O_DIRECTORY;
  if ((bits & kOpenTemporary) != 0) flags |= O_TMPFILE;
  if ((bits & kOpenPathOnly) != 0) flags |= O_PATH;
  if ((bits & kOpenNoAccessTime) != 0) flags |= O_NOATIME;
  return flags;
}

// The caller would wait for the other end of a FIFO, with open(2).
inline bool WaitsForOtherEnd(uint32_t bits) { return (bits & (kOpenNonBlock | kOpenPathOnly)) == 0; }

// A failed open for writing may only have found a FIFO that has no reader yet: then "not yet". Sockets and devices that
// nobody serves answer the same.
inline int64_t FifoAnswer(int64_t result, const char* path, uint32_t bits) {
  if (result != -ENXIO || !WaitsForOtherEnd(bits)) return result;
  struct stat answer;
  const bool is_fifo = fstatat(AT_FDCWD, path, &answer, AT_NO_AUTOMOUNT) == 0 && S_ISFIFO(answer.st_mode);
  return is_fifo ? -EAGAIN : result;
}

// Whether a writer is or was at the other end of a FIFO that was opened for reading, without taking anything out of it.
inline bool HasHadWriter(int fd) {
  pollfd descriptor{fd, POLLIN, 0};
  // Bytes, or the hang-up of the last writer.
  if (poll(&descriptor, 1, 0) > 0) return true;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  // What is empty has nothing to duplicate; only without a writer that is the end (0) rather than "not yet".
  const ssize_t duplicated = tee(fd, ends[1], 1, SPLICE_F_NONBLOCK);
  close(ends[0]);
  close(ends[1]);
  return duplicated != 0;
}

// What was opened is a FIFO's reading end, and the caller waits for the writing one.
inline bool LacksWriter(int fd, uint32_t bits) {
  if ((bits & kOpenWrite) != 0 || !WaitsForOtherEnd(bits)) return false;
  // Only pipes have a capacity.
  return fcntl(fd, F_GETPIPE_SZ) >= 0 && !HasHadWriter(fd);
}

// Takes O_NONBLOCK off a descriptor that nobody else shares.
inline void MakeBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

// Where the own position of a descriptor stands; -1 for what cannot seek, and for what answers lseek(2) without having
// positions, as an eventfd and an inotify do: a read of nothing at a position tells. Asks nothing of a device. What is
// only a place in the tree answers EBADF to everything, which does not mean that it has no position.
inline int64_t OwnPosition(int fd) {
  const off_t position = lseek(fd, 0, SEEK_CUR);
  if (position < 0) return errno == ESPIPE ? -1 : 0;
  return preadv(fd, nullptr, 0, position) != 0 && errno == ESPIPE ? -1 : position;
}

// What can be read at a position need not be writable at one, as some files under /proc (seq_open() of the kernel).
// pwrite(2) says so, and the ring does not ask. A write of nothing tells, and nobody hears of it.
inline bool RefusesWritesAt(int fd) { return pwritev(fd, nullptr, 0, 0) != 0 && errno == ESPIPE; }

// Leaves the answer to an open, which is over.
inline void WriteOpenAnswer(int64_t position, uint8_t* area) {
  static_assert(sizeof(position) == kOpenAnswerBytes);
  std::memcpy(area, &position, sizeof(position));
}

// Leaves the handle of what was begun where core looks for it.
inline void WriteBegun(HandleId id, uint8_t* area) {
  uint32_t words[kBegunBytes / sizeof(uint32_t)];
  words[kBegunIndexWord] = static_cast<uint32_t>(id.index);
  words[kBegunGenerationWord] = id.generation;
  std::memcpy(area, words, sizeof(words));
}

}  // namespace baton

#endif  // BATON_OPEN_CALL_H_
