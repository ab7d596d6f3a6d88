// A kernel whose reads that must not wait answer 0 before the end of the file, as Linux 5.9 and 5.10 do (preadv2(2),
// BUGS): the call is replaced in this program.
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "bench.h"

namespace {

// Bytes that a read that must not wait gives before it says 0.
size_t given_early = 0;
size_t early_calls = 0;

}  // namespace

extern "C" ssize_t preadv2(int fd, const iovec* parts, int count, off_t position, int flags) {
  const auto call = [&](const iovec* some, int how_many) {
    return syscall(SYS_preadv2, fd, some, static_cast<long>(how_many), static_cast<long>(position), 0L, 0L);
  };
  if ((flags & RWF_NOWAIT) == 0) return call(parts, count);
  early_calls++;
  if (given_early == 0) return 0;
  const iovec first{parts[0].iov_base, given_early};
  given_early = 0;
  return call(&first, 1);
}

namespace baton::epoll::test {

// mutant: epoll-believes-an-early-end
TEST("a 0 of a read that must not wait is not believed: a thread reads what is there") {
  Scratch scratch;
  const std::string path = scratch.Write("f", std::string(4096, 'a') + std::string(4096, 'b'));
  Bench bench;
  const auto file = bench.OpenFile(path, kOpenRead);
  bench.Move(1, Opcode::kRead, file, 0, 4096, 4096);
  EXPECT(bench.Run(1) && early_calls == 1);
  EXPECT(bench.ResultOf(1) == 4096 && bench.Bytes(0, 2) == "bb");
  SubmissionRecord& vector = bench.On(2, Opcode::kReadv, file);
  bench.SetVector(2, vector, {{1, 0, 2048}, {2, 0, 2048}});
  bench.SetPosition(vector, 2048);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(2) == 4096 && bench.Bytes(1, 2) == "aa" && bench.Bytes(2, 2) == "bb");
  bench.Move(3, Opcode::kRead, file, 0, 4096, 8192);
  EXPECT(bench.Run(3) && bench.ResultOf(3) == 0);
}

TEST("what came before such a 0 is a short read, and the next one goes on there") {
  Scratch scratch;
  const std::string path = scratch.Write("f", std::string(4096, 'a') + std::string(4096, 'b'));
  Bench bench;
  const auto file = bench.OpenFile(path, kOpenRead);
  given_early = 1000;
  bench.Move(1, Opcode::kRead, file, 0, 4096, 4096);
  EXPECT(bench.Run(1) && bench.ResultOf(1) == 1000);
}

// mutant: epoll-believes-an-early-end
TEST("in a chain it is no end either: what is behind the read is done") {
  Scratch scratch;
  const std::string path = scratch.Write("f", std::string(4096, 'a'));
  Bench bench;
  const auto file = bench.OpenFile(path, kOpenRead);
  given_early = 1000;
  bench.Move(1, Opcode::kRead, file, 0, 4096, 0, kSubmitLink);
  bench.Prepare(2, Opcode::kNop);
  EXPECT(bench.Run(2));
  EXPECT(bench.ResultOf(1) == 4096 && bench.ResultOf(2) == 0);
}

}  // namespace baton::epoll::test

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
