// Slabs, the buffer table, the handle table.
#include <csetjmp>
#include <csignal>
#include <cstring>

#include "baton/buffer_table.h"
#include "baton/fork_guard.h"
#include "baton/handle_table.h"
#include "baton/slab.h"
#include "baton/unique_fd.h"
#include "harness.h"

#include <fcntl.h>
#include <sys/wait.h>

using namespace baton;

namespace {

sigjmp_buf g_fault;
void OnFault(int) { siglongjmp(g_fault, 1); }

// True when reading the byte faults.
bool Faults(const volatile uint8_t* address) {
  struct sigaction action{}, before_segv{}, before_bus{};
  action.sa_handler = OnFault;
  sigaction(SIGSEGV, &action, &before_segv);
  sigaction(SIGBUS, &action, &before_bus);
  const bool faulted = sigsetjmp(g_fault, 1) != 0;
  if (!faulted) (void)*address;
  sigaction(SIGSEGV, &before_segv, nullptr);
  sigaction(SIGBUS, &before_bus, nullptr);
  return faulted;
}

}  // namespace

TEST("a slab's buffers are zeroed and start at page boundaries") {
  auto slab = Slab::Create(kPageBytes, 3, {});
  EXPECT(slab.ok());
  for (size_t index = 0; index < 3; index++) {
    EXPECT(reinterpret_cast<uintptr_t>(slab.value()->buffer(index)) % kPageBytes == 0);
    EXPECT(slab.value()->buffer(index)[0] == 0 && slab.value()->buffer(index)[kPageBytes - 1] == 0);
  }
  slab.value()->Unref();
}

TEST("a slab lives until the last count on it is gone") {
  auto slab = Slab::Create(kPageBytes, 1, {});
  EXPECT(slab.ok());
  SlabRef operation(slab.value());
  uint8_t* data = slab.value()->buffer(0);
  slab.value()->Unref();
  EXPECT(!Faults(data));
  operation.Reset();
  EXPECT(Faults(data));
}

TEST("an impossible size is an error, not a crash") {
  auto slab = Slab::Create(size_t{1} << 50, 1, {});
  EXPECT(!slab.ok());
  EXPECT(slab.error() == -ENOMEM);
}

TEST("huge pages fall back to ordinary ones where none are reserved") {
  auto slab = Slab::Create(kHugePageBytes, 2, {.huge_pages = true});
  EXPECT(slab.ok());
  slab.value()->buffer(1)[kHugePageBytes - 1] = 1;
  slab.value()->Unref();
}

TEST("a NUMA node is a preference: one that does not exist changes nothing") {
  auto slab = Slab::Create(kPageBytes, 1, {.numa_node = 900});
  EXPECT(slab.ok());
  slab.value()->buffer(0)[0] = 1;
  slab.value()->Unref();
}

TEST("with guard pages, memory before, after and at rest cannot be touched") {
  auto slab = Slab::Create(kPageBytes, 2, {.guard_pages = true});
  EXPECT(slab.ok());
  for (size_t index = 0; index < 2; index++) {
    uint8_t* buffer = slab.value()->buffer(index);
    EXPECT(!Faults(buffer) && !Faults(buffer + kPageBytes - 1));
    EXPECT(Faults(buffer - 1) && Faults(buffer + kPageBytes));
    slab.value()->SetAccessible(index, false);
    EXPECT(Faults(buffer));
    slab.value()->SetAccessible(index, true);
    EXPECT(!Faults(buffer));
  }
  slab.value()->Unref();
}

TEST("buffer numbers follow each other in a run and are reused by runs of the same length") {
  BufferTable table;
  auto run = table.Allocate(kPageBytes, 4, {});
  EXPECT(run.ok() && run.value() == 0);
  auto single = table.Allocate(kPageBytes, 1, {});
  EXPECT(single.ok() && single.value() == 4);
  EXPECT(table.Find(3) != nullptr && table.Find(4) != nullptr && table.Find(5) == nullptr);
  EXPECT(table.Free(0));
  EXPECT(!table.Free(0));
  EXPECT(table.Find(0) == nullptr && table.Find(3) == nullptr && table.Find(4) != nullptr);
  auto again = table.Allocate(kPageBytes, 4, {});
  EXPECT(again.ok() && again.value() == 0);
  EXPECT(table.size() == 5);
}

TEST("borrowed memory is found by its number and never freed") {
  BufferTable table;
  uint8_t bytes[16];
  const uint32_t number = table.Borrow(bytes, sizeof(bytes));
  EXPECT(table.Find(number)->data == bytes && table.Find(number)->slab == nullptr);
  EXPECT(table.Free(number));
  EXPECT(table.Find(number) == nullptr);
}

TEST("a handle is found by index and generation, and by neither alone") {
  HandleTable<int> table;
  const HandleId first = table.Add(100, 7);
  EXPECT(table.Find(first.index, first.generation)->fd == 100);
  EXPECT(table.Find(first.index, first.generation)->state == 7);
  EXPECT(table.Find(first.index, first.generation + 1) == nullptr);
  EXPECT(table.Find(first.index + 1, first.generation) == nullptr);
  EXPECT(table.Find(-1, first.generation) == nullptr);
}

TEST("a recycled handle has another generation, so an old id finds nothing") {
  HandleTable<int> table;
  const HandleId first = table.Add(100);
  table.Close(first.index);
  EXPECT(table.Find(first.index, first.generation) == nullptr);
  table.Recycle(first.index);
  const HandleId second = table.Add(101);
  EXPECT(second.index == first.index && second.generation != first.generation);
  EXPECT(table.Find(first.index, first.generation) == nullptr);
  EXPECT(table.Find(second.index, second.generation)->fd == 101);
}

TEST("a descriptor has one owner") {
  int pipes[2];
  EXPECT(pipe2(pipes, O_CLOEXEC) == 0);
  {
    UniqueFd one(pipes[0]);
    UniqueFd two(std::move(one));
    EXPECT(!one.valid() && two.get() == pipes[0]);
    EXPECT(fcntl(pipes[0], F_GETFD) >= 0);
  }
  EXPECT(fcntl(pipes[0], F_GETFD) < 0);
  close(pipes[1]);
}

TEST("a fork is noticed by the child and not by the parent") {
  ForkGuard guard;
  EXPECT(!guard.IsForked());
  const pid_t child = fork();
  if (child == 0) _exit(guard.IsForked() ? 0 : 1);
  int status = 1;
  EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT(!guard.IsForked());
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
