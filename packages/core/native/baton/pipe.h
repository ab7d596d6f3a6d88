// A pipe, as the two ends between two splices.
#ifndef BATON_PIPE_H_
#define BATON_PIPE_H_

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/result.h"
#include "baton/slab.h"
#include "baton/unique_fd.h"

namespace baton {

struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};

// Sets the capacity to that many bytes, or to as many as the system grants: it works in powers of two of pages, so
// the limit is found by halving (F_SETPIPE_SZ answers EPERM beyond it).
inline void SetPipeCapacity(int fd, uint32_t bytes) {
  constexpr uint32_t kBytesMax = 1U << 30;
  uint32_t wanted = std::bit_ceil(bytes < kPageBytes  ? static_cast<uint32_t>(kPageBytes)
                                  : bytes > kBytesMax ? kBytesMax
                                                      : bytes);
  const int given = fcntl(fd, F_GETPIPE_SZ);
  while (fcntl(fd, F_SETPIPE_SZ, wanted) < 0 && wanted > kPageBytes) {
    wanted /= 2;
    // What it has already is better than less.
    if (given > 0 && wanted <= static_cast<uint32_t>(given)) return;
  }
}

// `capacity` in bytes, 0 for the system's default. `type_flags` are added to O_CLOEXEC.
inline Result<PipeEnds> MakePipe(uint32_t capacity, int type_flags) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC | type_flags) != 0) return Result<PipeEnds>::Error(-errno);
  PipeEnds ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (capacity > 0) SetPipeCapacity(ends.write.get(), capacity);
  return ends;
}

// The answer to `pipe`, at its area.
inline void WritePipe(HandleId read, HandleId write, uint8_t* area) {
  uint32_t words[kPipeBytes / sizeof(uint32_t)];
  words[kPipeReadIndexWord] = static_cast<uint32_t>(read.index);
  words[kPipeReadGenerationWord] = read.generation;
  words[kPipeWriteIndexWord] = static_cast<uint32_t>(write.index);
  words[kPipeWriteGenerationWord] = write.generation;
  std::memcpy(area, words, sizeof(words));
}

}  // namespace baton

#endif  // BATON_PIPE_H_
