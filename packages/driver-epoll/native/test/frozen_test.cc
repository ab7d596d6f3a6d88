// A frozen file system: whatever waits for the thaw waits on a thread, and the thread that submits goes on.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "baton/address.h"
#include "bench.h"
#include "frozen_file_system.h"

namespace baton::epoll::test {

// mutant: epoll-binds-on-the-loop
TEST("what waits for a frozen file system waits on a thread: writes, vectors, binding, closing what has no name left") {
  baton::test::FrozenFileSystem files;
  if (!files.mounted()) return;
  Bench bench;
  const std::string fifo = files.path("fifo");
  EXPECT(mkfifo(fifo.c_str(), 0600) == 0);
  const auto file = bench.OpenFile(files.path("file"), kOpenRead | kOpenWrite | kOpenCreate);
  const auto nameless = bench.OpenFile(fifo, kOpenRead | kOpenWrite);
  EXPECT(unlink(fifo.c_str()) == 0);
  const std::string socket = files.path("socket");
  files.Freeze();
  baton::test::Thaw thaw(files);
  bench.Fill(0, "abcd");
  bench.Move(1, Opcode::kWrite, file, 0, 4, 0);
  SubmissionRecord& vector = bench.On(2, Opcode::kWritev, file);
  bench.SetVector(2, vector, {{0, 0, 4}});
  bench.SetPosition(vector, 4);
  bench.On(3, Opcode::kClose, nameless);
  bench.SetUnix(4, bench.Prepare(4, Opcode::kListen), socket);
  bench.SetPosition(bench.On(5, Opcode::kTruncate, file), 100);
  bench.Submit();
  EXPECT(thaw.Now());
  EXPECT(bench.Run(5));
  EXPECT(bench.ResultOf(1) == 4 && bench.ResultOf(2) == 4 && bench.ResultOf(3) == 0);
  EXPECT(bench.ResultOf(4) >= 0 && bench.ResultOf(5) == 0);
}

}  // namespace baton::epoll::test

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
