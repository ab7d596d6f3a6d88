// From the number of a buffer, as it stands in submission records, to its memory.
#ifndef BATON_BUFFER_TABLE_H_
#define BATON_BUFFER_TABLE_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "baton/check.h"
#include "baton/opcode.gen.h"
#include "baton/result.h"
#include "baton/slab.h"

namespace baton {

struct BufferCell {
  uint8_t* data = nullptr;
  size_t length = 0;
  // Null for borrowed memory, whose owner vouched for it.
  Slab* slab = nullptr;
  uint32_t index_in_slab = 0;
  // A receive may take it at any time.
  bool provided = false;
};

// Is told of the slabs of a table: of each after it was allocated, and before the table lets go of it.
class SlabObserver {
 public:
  virtual ~SlabObserver() = default;
  virtual void OnAllocated(Slab* slab) = 0;
  virtual void OnFreed(Slab* slab) = 0;
  // Other pages have taken the place of some of its own.
  virtual void OnChanged(Slab* slab) = 0;
};

class BufferTable {
 public:
  ~BufferTable() {
    for (const auto& [first, run] : runs_) {
      if (run.slab != nullptr) run.slab->Unref();
    }
  }

  // The observer must outlive the table's last call of `Allocate` and `Free`.
  void Observe(SlabObserver* observer) { observer_ = observer; }

  // Allocates `count` buffers of `bytes` each; the value is the first number, the others follow.
  Result<uint32_t> Allocate(size_t bytes, size_t count, const SlabOptions& options) {
    // A completion has no room for a larger number.
    if (count > kAuxiliaryMax - std::min<size_t>(cells_.size(), kAuxiliaryMax)) {
      return Result<uint32_t>::Error(-ENOMEM);
    }
    auto slab = Slab::Create(bytes, count, options);
    if (!slab.ok()) return Result<uint32_t>::Error(slab.error());
    const uint32_t first = TakeNumbers(count);
    for (size_t index = 0; index < count; index++) {
      cells_[first + index] = {slab.value()->buffer(index), bytes, slab.value(), static_cast<uint32_t>(index), false};
    }
    runs_.emplace(first, Run{count, slab.value()});
    if (observer_ != nullptr) observer_->OnAllocated(slab.value());
    return first;
  }

  // Gives a number to memory that belongs to somebody else.
  uint32_t Borrow(uint8_t* data, size_t length) {
    const uint32_t first = TakeNumbers(1);
    cells_[first] = {data, length, nullptr, 0, false};
    runs_.emplace(first, Run{1, nullptr});
    return first;
  }

  // Gives a run of buffers back, and tells how many they were. Their memory goes when the last operation on it has
  // completed.
  size_t Free(uint32_t first) {
    auto found = runs_.find(first);
    if (found == runs_.end()) return 0;
    const Run run = found->second;
    runs_.erase(found);
    for (size_t index = 0; index < run.count; index++) {
      // Whoever may take it does not ask here first: its memory stays for ever.
      if (cells_[first + index].provided) run.slab->Ref();
      cells_[first + index] = {};
    }
    free_[run.count].push_back(first);
    if (run.slab != nullptr) {
      if (observer_ != nullptr) observer_->OnFreed(run.slab);
      run.slab->Unref();
    }
    return run.count;
  }

  // Gives the pages of a buffer at rest back to the system. False when they stay.
  bool Discard(uint32_t number) {
    const BufferCell* cell = Find(number);
    if (cell == nullptr || cell->slab == nullptr) return false;
    if (cell->slab->registration() >= 0) {
      // Operations of which the kernel has yet to look the registration up would find another, or none.
      if (cell->slab->HasOperations()) return false;
      observer_->OnFreed(cell->slab);
    }
    return cell->slab->Discard(cell->index_in_slab);
  }

  // Other pages have taken the place of some of a slab's.
  void Changed(Slab* slab) {
    if (observer_ != nullptr) observer_->OnChanged(slab);
  }

  // The cell of a number; null when it has no memory.
  const BufferCell* Find(uint32_t number) const {
    if (number >= cells_.size() || cells_[number].data == nullptr) return nullptr;
    return &cells_[number];
  }

  // The cell of a number below `size`, with memory or without.
  const BufferCell& At(uint32_t number) const { return cells_[number]; }

  // Receives may take the buffer from here on. Null when it has no memory of a slab, or they may already.
  const BufferCell* Provide(uint32_t number) {
    if (number >= cells_.size() || cells_[number].slab == nullptr || cells_[number].provided) return nullptr;
    cells_[number].provided = true;
    return &cells_[number];
  }

  // The cell of a buffer that receives may take; null when it was freed meanwhile.
  const BufferCell* FindProvided(uint32_t number) const {
    return number < cells_.size() && cells_[number].provided ? &cells_[number] : nullptr;
  }

  // A receive has taken it.
  void TakeProvided(uint32_t number) {
    if (number < cells_.size()) cells_[number].provided = false;
  }

  size_t size() const { return cells_.size(); }

 private:
  struct Run {
    size_t count;
    Slab* slab;
  };

  // Runs of the same length reuse each other's numbers, so that numbers stay small however long a program runs.
  uint32_t TakeNumbers(size_t count) {
    auto& free = free_[count];
    if (!free.empty()) {
      const uint32_t first = free.back();
      free.pop_back();
      return first;
    }
    const auto first = static_cast<uint32_t>(cells_.size());
    cells_.resize(cells_.size() + count);
    return first;
  }

  SlabObserver* observer_ = nullptr;
  std::vector<BufferCell> cells_;
  std::map<uint32_t, Run> runs_;
  std::map<size_t, std::vector<uint32_t>> free_;
};

}  // namespace baton

#endif  // BATON_BUFFER_TABLE_H_
