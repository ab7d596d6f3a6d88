// Slabs, the buffer table, the handle table.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csetjmp>
#include <csignal>
#include <cstring>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/fork_guard.h"
#include "baton/handle_table.h"
#include "baton/lease.h"
#include "baton/slab.h"
#include "baton/unique_fd.h"
#include "harness.h"

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
    EXPECT(slab.value()->SetAccessible(index, false));
    EXPECT(Faults(buffer));
    EXPECT(slab.value()->SetAccessible(index, true));
    EXPECT(!Faults(buffer));
  }
  slab.value()->Unref();
}

TEST("guard pages without a mapping left are an error, and cost nobody else a mapping") {
  // In a child: the mappings that it uses up are its own.
  const pid_t child = fork();
  if (child == 0) {
    std::vector<Slab*> slabs;
    int error = 0;
    while (error == 0 && slabs.size() < 100000) {
      auto slab = Slab::Create(kPageBytes, 64, {.guard_pages = true});
      error = slab.error();
      if (error == 0) slabs.push_back(slab.value());
    }
    for (Slab* slab : slabs) slab->Unref();
    auto again = Slab::Create(kPageBytes, 64, {.guard_pages = true});
    _exit(error == -ENOMEM && !slabs.empty() && again.ok() ? 0 : 1);
  }
  int status = 1;
  EXPECT(waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST("a discarded buffer has given its pages back, and reads as zero when it is used next") {
  BufferTable table;
  auto run = table.Allocate(4 * kPageBytes, 2, {});
  EXPECT(run.ok());
  uint8_t* data = table.Find(0)->data;
  std::memset(data, 7, 8 * kPageBytes);
  EXPECT(table.Discard(0));
  unsigned char resident[8] = {};
  EXPECT(mincore(data, 8 * kPageBytes, resident) == 0);
  EXPECT((resident[0] & 1) == 0 && (resident[3] & 1) == 0 && (resident[4] & 1) == 1 && (resident[7] & 1) == 1);
  EXPECT(data[0] == 0 && data[4 * kPageBytes] == 7);
  EXPECT(!table.Discard(2));
}

TEST("a buffer shares its pages with others where it is smaller than one: it cannot be discarded") {
  BufferTable table;
  auto run = table.Allocate(1024, 8, {});
  EXPECT(run.ok());
  std::memset(table.Find(0)->data, 7, 8 * 1024);
  EXPECT(!table.Discard(0));
  EXPECT(table.Find(1)->data[0] == 7);
}

TEST("the end of an environment takes memory that the program could not send away, and no other") {
  auto exposures = Exposures::Create();
  EXPECT(exposures.ok());
  auto* marks = exposures.value().slab()->buffer(0);
  for (const bool exposed : {false, true}) {
    auto slab = Slab::Create(kPageBytes, 1, {});
    EXPECT(slab.ok());
    uint8_t* data = slab.value()->buffer(0);
    Lease lease(slab.value(), exposures.value(), 5);
    slab.value()->Unref();
    marks[5] = exposed ? 1 : 0;
    lease.EndOfEnvironment();
    EXPECT(Faults(data) != exposed);
    // The count that nobody gives back, for the sanitizer's sake.
    if (exposed) slab.value()->Unref();
  }
}

TEST("a freed buffer's memory goes at once, or with the last view that the program may have") {
  auto exposures = Exposures::Create();
  EXPECT(exposures.ok());
  auto* marks = exposures.value().slab()->buffer(0);
  for (const bool exposed : {false, true}) {
    auto slab = Slab::Create(kPageBytes, 1, {});
    EXPECT(slab.ok());
    uint8_t* data = slab.value()->buffer(0);
    Lease lease(slab.value(), exposures.value(), 5);
    slab.value()->Unref();
    marks[5] = exposed ? 1 : 0;
    lease.EndUnlessExposed();
    // The number is another buffer's by now.
    marks[5] = 0;
    EXPECT(Faults(data) != exposed);
    lease.End();
    EXPECT(Faults(data));
    lease.End();
  }
}

TEST("memory whose number has no mark is taken for exposed") {
  auto exposures = Exposures::Create();
  EXPECT(exposures.ok());
  EXPECT(exposures.value().IsExposed(Exposures::kNumbers) && !exposures.value().IsExposed(Exposures::kNumbers - 1));
}

TEST("operations on a slab are told from leases of it") {
  auto slab = Slab::Create(kPageBytes, 2, {});
  EXPECT(slab.ok());
  Lease lease(slab.value());
  EXPECT(!slab.value()->HasOperations());
  SlabRef operation(slab.value());
  EXPECT(slab.value()->HasOperations());
  operation.Reset();
  lease.End();
  EXPECT(!slab.value()->HasOperations());
  slab.value()->Unref();
}

TEST("buffer numbers follow each other in a run and are reused by runs of the same length") {
  BufferTable table;
  auto run = table.Allocate(kPageBytes, 4, {});
  EXPECT(run.ok() && run.value() == 0);
  auto single = table.Allocate(kPageBytes, 1, {});
  EXPECT(single.ok() && single.value() == 4);
  EXPECT(table.Find(3) != nullptr && table.Find(4) != nullptr && table.Find(5) == nullptr);
  EXPECT(table.Free(0) == 4);
  EXPECT(table.Free(0) == 0);
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
  EXPECT(table.Free(number) == 1);
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
