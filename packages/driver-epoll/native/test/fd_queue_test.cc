// The queue of operations that wait for a descriptor.
#include "fd_queue.h"

#include <cstdlib>
#include <deque>
#include <vector>

#include "harness.h"

using namespace baton::epoll;

namespace {

struct Linked {
  QueueLink link;
};

std::vector<uint32_t> Contents(const FdQueue& queue, const std::vector<Linked>& operations) {
  std::vector<uint32_t> slots;
  for (uint32_t slot = queue.front(); slot != kNoSlot; slot = operations[slot].link.next) slots.push_back(slot);
  return slots;
}

}  // namespace

TEST("operations leave in the order they came") {
  std::vector<Linked> operations(8);
  FdQueue queue;
  EXPECT(queue.empty());
  for (const uint32_t slot : {3u, 1u, 7u}) queue.PushBack(operations, slot, Side::kRead);
  for (const uint32_t slot : {3u, 1u, 7u}) {
    EXPECT(queue.front() == slot);
    queue.Remove(operations, slot);
  }
  EXPECT(queue.empty());
}

TEST("an operation leaves from the middle, the front and the back") {
  std::vector<Linked> operations(8);
  FdQueue queue;
  for (const uint32_t slot : {0u, 1u, 2u, 3u, 4u}) queue.PushBack(operations, slot, Side::kWrite);
  queue.Remove(operations, 2);
  EXPECT((Contents(queue, operations) == std::vector<uint32_t>{0, 1, 3, 4}));
  queue.Remove(operations, 0);
  queue.Remove(operations, 4);
  EXPECT((Contents(queue, operations) == std::vector<uint32_t>{1, 3}));
  EXPECT(operations[2].link.side == Side::kNone);
  queue.PushBack(operations, 2, Side::kWrite);
  EXPECT((Contents(queue, operations) == std::vector<uint32_t>{1, 3, 2}));
}

TEST("a long random sequence agrees with a plain queue") {
  constexpr uint32_t kSlots = 64;
  std::vector<Linked> operations(kSlots);
  FdQueue queue;
  std::deque<uint32_t> model;
  std::srand(7);
  for (int step = 0; step < 20000; step++) {
    const auto slot = static_cast<uint32_t>(std::rand()) % kSlots;
    if (operations[slot].link.side == Side::kNone) {
      queue.PushBack(operations, slot, Side::kRead);
      model.push_back(slot);
    } else {
      queue.Remove(operations, slot);
      std::erase(model, slot);
    }
    if (step % 100 == 0) EXPECT((Contents(queue, operations) == std::vector<uint32_t>(model.begin(), model.end())));
  }
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
