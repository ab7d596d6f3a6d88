// A ring that fails on purpose: the engine's port, with the answers of io_uring_enter replaced by a script.
#ifndef BATON_URING_TEST_FAULT_RING_H_
#define BATON_URING_TEST_FAULT_RING_H_

#include <deque>
#include <memory>

#include "ring.h"

namespace baton::uring::test {

class FaultRing {
 public:
  explicit FaultRing(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}

  // The next calls of Submit answer these, without handing anything over.
  void FailSubmits(std::deque<int> errors) { errors_ = std::move(errors); }
  int submits() const { return submits_; }

  int Submit() {
    submits_++;
    if (errors_.empty()) return ring_->Submit();
    const int error = errors_.front();
    errors_.pop_front();
    return error;
  }

  bool TakesByItself() const { return ring_->TakesByItself(); }
  void WaitForRoom() { ring_->WaitForRoom(); }
  template <typename Visitor>
  void TakeBack(Visitor visit) {
    ring_->TakeBack(visit);
  }
  bool restricted() const { return ring_->restricted(); }
  io_uring* raw() { return ring_->raw(); }
  int pollable_fd() const { return ring_->pollable_fd(); }
  void ClearWake() { ring_->ClearWake(); }
  io_uring_sqe* GetSqe() { return ring_->GetSqe(); }
  uint32_t SqSpaceLeft() const { return ring_->SqSpaceLeft(); }
  uint32_t SqEntries() const { return ring_->SqEntries(); }
  uint32_t SqReady() const { return ring_->SqReady(); }
  // The next completions say these results instead of their own.
  void ReplaceResults(std::deque<int> results) { results_ = std::move(results); }
  uint32_t Peek(io_uring_cqe** cqes, uint32_t max) {
    const uint32_t count = ring_->Peek(cqes, max);
    for (uint32_t index = 0; index < count && !results_.empty(); index++) {
      cqes[index]->res = results_.front();
      results_.pop_front();
    }
    return count;
  }
  void Advance(uint32_t count) { ring_->Advance(count); }
  uint32_t CqReady() const { return ring_->CqReady(); }
  bool HasDeferred() const { return ring_->HasDeferred(); }
  int FetchDeferred() { return ring_->FetchDeferred(); }
  int Wait(uint64_t timeout_ns) { return ring_->Wait(timeout_ns); }

 private:
  std::unique_ptr<Ring> ring_;
  std::deque<int> errors_;
  std::deque<int> results_;
  int submits_ = 0;
};

}  // namespace baton::uring::test

#endif  // BATON_URING_TEST_FAULT_RING_H_
