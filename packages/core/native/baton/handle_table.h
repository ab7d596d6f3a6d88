// Handles with generations: what core knows instead of descriptors. A descriptor is closed when its handle is closed
// *and* the last operation that uses it has completed, so that a number which the process reuses can never be hit by
// an operation that was meant for its predecessor.
#ifndef BATON_HANDLE_TABLE_H_
#define BATON_HANDLE_TABLE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "baton/check.h"

namespace baton {

struct HandleId {
  int32_t index = -1;
  uint32_t generation = 0;
};

// `State` is what an engine keeps per handle beside the descriptor.
template <typename State>
class HandleTable {
 public:
  struct Cell {
    int fd = -1;
    uint32_t generation = 0;
    // Operations in flight on it.
    uint32_t users = 0;
    bool open = false;
    State state{};
  };

  HandleId Add(int fd, State state = {}) {
    int32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      index = static_cast<int32_t>(cells_.size());
      cells_.emplace_back();
    }
    Cell& cell = cells_[static_cast<size_t>(index)];
    cell.fd = fd;
    cell.generation = cell.generation == kGenerationMax ? 1 : cell.generation + 1;
    cell.users = 0;
    cell.open = true;
    cell.state = std::move(state);
    return {index, cell.generation};
  }

  // The cell of an open handle; null when it is closed or the generation is another.
  Cell* Find(int32_t index, uint32_t generation) {
    if (index < 0 || static_cast<size_t>(index) >= cells_.size()) return nullptr;
    Cell& cell = cells_[static_cast<size_t>(index)];
    return cell.open && cell.generation == generation ? &cell : nullptr;
  }

  // The cell of a handle whose descriptor is still open, because operations hold it, the handle itself closed or not.
  Cell* FindHeld(int32_t index, uint32_t generation) { return IsCurrent(index, generation) ? &At(index) : nullptr; }

  // True while the descriptor of this very handle is open, the handle itself closed or not.
  bool IsCurrent(int32_t index, uint32_t generation) const {
    if (index < 0 || static_cast<size_t>(index) >= cells_.size()) return false;
    const Cell& cell = cells_[static_cast<size_t>(index)];
    return cell.fd >= 0 && cell.generation == generation;
  }

  // The cell of an index that an operation in flight holds.
  Cell& At(int32_t index) { return cells_[static_cast<size_t>(index)]; }

  // Nothing finds the handle any more. The descriptor is the caller's to close once `users` is 0.
  void Close(int32_t index) { At(index).open = false; }

  // The cell can be given to the next descriptor.
  void Recycle(int32_t index) {
    Cell& cell = At(index);
    BATON_CHECK(!cell.open && cell.users == 0);
    cell.fd = -1;
    cell.state = State{};
    free_.push_back(index);
  }

  template <typename Visitor>
  void ForEachOpen(Visitor visit) {
    for (size_t index = 0; index < cells_.size(); index++) {
      if (cells_[index].open) visit(static_cast<int32_t>(index), cells_[index]);
    }
  }

 private:
  // Travels in the 24-bit auxiliary number of a completion.
  static constexpr uint32_t kGenerationMax = (1U << 24) - 1;

  std::vector<Cell> cells_;
  std::vector<int32_t> free_;
};

}  // namespace baton

#endif  // BATON_HANDLE_TABLE_H_
