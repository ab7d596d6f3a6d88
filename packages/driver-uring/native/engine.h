// The engine: submission records in, completion records out, every operation an SQE. It knows nothing of JavaScript
// and lives on one thread. `Port` is the ring, or in tests a ring that fails on purpose.
#ifndef BATON_URING_ENGINE_H_
#define BATON_URING_ENGINE_H_

#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/check.h"
#include "baton/fork_guard.h"
#include "baton/handle_table.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"
#include "baton/socket_calls.h"
#include "baton/stat_answer.h"
#include "buffer_ring.h"
#include "uring_features.h"
#include "ring.h"
#include "user_data.h"

namespace baton::uring {

// Native state of one operation in flight, by slot.
struct Op {
  uint32_t generation;
  Opcode opcode;
  bool active;
  // A zero-copy send has sent; its buffer comes home with the notification.
  bool awaits_notification;
  int32_t handle;
  // The socket that is being connected, else -1.
  int fd;
  // What a zero-copy send will answer.
  int32_t result;
  // Keeps the memory of the buffer until the final completion.
  Slab* slab;
  union {
    __kernel_timespec timespec;
    struct statx* stat;
  };
};

template <typename Port>
class Engine {
 public:
  Engine(std::unique_ptr<Port> port, SharedMemory shared, const Features& features)
      : port_(std::move(port)),
        shared_(std::move(shared)),
        features_(features),
        ops_(static_cast<Op*>(std::calloc(shared_.limits().slots, sizeof(Op)))) {
    BATON_CHECK(ops_ != nullptr);
    if (features_.buffer_ring) BATON_CHECK(buffer_ring_.Register(port_->raw()) == 0);
  }

  Port& port() { return *port_; }
  SharedMemory& shared() { return shared_; }
  BufferTable& buffers() { return buffers_; }
  const Features& features() const { return features_; }
  int pollable_fd() const { return port_->pollable_fd(); }
  uint32_t in_flight() const { return in_flight_; }
  // The kernel refused to take what is prepared; it must be tried again soon.
  bool has_unsubmitted() const { return port_->SqReady() > 0; }
  bool is_forked() const { return fork_guard_.IsForked(); }

  // Bytes of buffers that operations in flight may still touch.
  uint64_t quarantined_bytes() const {
    uint64_t bytes = 0;
    for (uint32_t slot = 0; slot < shared_.limits().slots; slot++) {
      if (ops_[slot].active && ops_[slot].slab != nullptr) bytes += shared_.record(slot).length;
    }
    return bytes;
  }

  // Takes `count` submissions and leaves what completed at once in the shared memory. Returns how many it took.
  uint32_t Submit(uint32_t count) {
    TakeProvided();
    uint32_t taken = 0;
    while (taken < count && Start(shared_.submission(taken))) taken++;
    Flush();
    Collect();
    return taken;
  }

  // Fills the shared memory with completions that are ready; returns how many.
  uint32_t Reap() {
    port_->ClearWake();
    if (port_->SqReady() > 0) Flush();
    return Collect();
  }

  // Ends the session: cancels everything and reaps until nothing is in flight or the deadline has passed. Returns how
  // many operations are unconfirmed: the kernel may write to their memory at any time, so the caller must then keep
  // this engine, and everything it holds, for ever. Source: io_uring_queue_exit(3) does not wait for block I/O.
  uint32_t Shutdown(uint64_t deadline_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(deadline_ms);
    stopping_ = true;
    if (in_flight_ > 0) CancelAll();
    while (in_flight_ > 0) {
      Flush();
      Collect();
      if (in_flight_ == 0) break;
      const auto left = end - Clock::now();
      if (left <= Clock::duration::zero()) break;
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      const int error = port_->Wait(static_cast<uint64_t>(ns));
      if (error < 0 && error != -ETIME && error != -EINTR && error != -EAGAIN) break;
    }
    local_.clear();
    handles_.ForEachOpen([](int32_t, auto& cell) { ::close(cell.fd); });
    return in_flight_;
  }

 private:
  using Handles = HandleTable<char>;

  struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
  };

  // Attempts to hand prepared entries over before giving up for now.
  static constexpr int kSubmitAttempts = 64;
  static constexpr uint32_t kReapBatch = 64;

  // --- submissions ------------------------------------------------------------------------------------------------

  // Prepares one operation. False when the kernel does not take any more for now.
  bool Start(uint32_t slot) {
    const SubmissionRecord& record = shared_.record(slot);
    if (!IsOpcode(record.OpcodeNumber())) return Answer(slot, record, -EINVAL);
    const auto opcode = static_cast<Opcode>(record.OpcodeNumber());
    if (!KnowsFlags(opcode, record)) return Answer(slot, record, -EOPNOTSUPP);
    switch (opcode) {
      case Opcode::kListen:
        return StartListen(slot, record);
      case Opcode::kAddress:
        return StartAddress(slot, record);
      case Opcode::kConnect:
        return StartConnect(slot, record);
      case Opcode::kCancel:
        return StartCancel(slot, record);
      case Opcode::kTruncate:
        if (!features_.ftruncate) return StartTruncateHere(slot, record);
        break;
      case Opcode::kReadv:
      case Opcode::kWritev:
      case Opcode::kReceiveMessage:
      case Opcode::kSendMessage:
      case Opcode::kDatagram:
      case Opcode::kSplice:
      case Opcode::kPipe:
      case Opcode::kAllocate:
      case Opcode::kAdvise:
      case Opcode::kUnlink:
      case Opcode::kRename:
      case Opcode::kMkdir:
      case Opcode::kHardlink:
      case Opcode::kSymlink:
      case Opcode::kPoll:
        return Answer(slot, record, -EOPNOTSUPP);
      default:
        break;
    }
    Handles::Cell* cell = nullptr;
    if (NeedsHandle(opcode, record)) {
      cell = handles_.Find(record.handle_index, record.handle_generation);
      if (cell == nullptr) return Answer(slot, record, -EBADF);
    }
    io_uring_sqe* sqe = GetSqe();
    if (sqe == nullptr) return false;
    Op& op = Enter(slot, record, opcode);
    op.handle = cell == nullptr ? -1 : record.handle_index;
    Prepare(sqe, op, record, cell == nullptr ? -1 : cell->fd);
    sqe->user_data = UserData(slot, record.generation);
    if (record.Has(kSubmitLink)) sqe->flags |= IOSQE_IO_LINK;
    return true;
  }

  // A flag is never passed over in silence.
  bool KnowsFlags(Opcode opcode, const SubmissionRecord& record) const {
    if (record.Has(kSubmitLink)) return false;
    if (record.Has(kSubmitMultishot) && !(opcode == Opcode::kAccept && features_.multishot_accept)) return false;
    return !record.Has(kSubmitBufferSelect) || (opcode == Opcode::kReceive && features_.buffer_ring);
  }

  static bool NeedsHandle(Opcode opcode, const SubmissionRecord& record) {
    switch (opcode) {
      case Opcode::kNop:
      case Opcode::kOpen:
      case Opcode::kTimer:
        return false;
      case Opcode::kStat:
        return record.argument0 == 0;
      default:
        return true;
    }
  }

  void Prepare(io_uring_sqe* sqe, Op& op, const SubmissionRecord& record, int fd) {
    switch (op.opcode) {
      case Opcode::kNop:
        io_uring_prep_nop(sqe);
        return;
      case Opcode::kOpen:
        io_uring_prep_openat(sqe, AT_FDCWD, reinterpret_cast<const char*>(shared_.arena(record.arena_offset)),
                             SystemOpenFlags(record.argument0),
                             static_cast<mode_t>(record.argument1));
        return;
      case Opcode::kClose:
        handles_.Close(record.handle_index);
        io_uring_prep_close(sqe, fd);
        return;
      case Opcode::kRead:
        io_uring_prep_read(sqe, fd, LendMemory(op, record), record.length, Position(record));
        return;
      case Opcode::kWrite:
        io_uring_prep_write(sqe, fd, LendMemory(op, record), record.length, Position(record));
        return;
      case Opcode::kFsync:
        io_uring_prep_fsync(sqe, fd, 0);
        return;
      case Opcode::kFdatasync:
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
        return;
      case Opcode::kStat:
        PrepareStat(sqe, op, record, fd);
        return;
      case Opcode::kTruncate:
        PrepareFtruncate(sqe, fd, record.Position());
        return;
      case Opcode::kAccept:
        if (record.Has(kSubmitMultishot)) {
          io_uring_prep_multishot_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
        } else {
          io_uring_prep_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
        }
        return;
      case Opcode::kReceive:
        PrepareReceive(sqe, op, record, fd);
        return;
      case Opcode::kSend:
        io_uring_prep_send(sqe, fd, LendMemory(op, record), record.length, Flags(record) | MSG_NOSIGNAL);
        return;
      case Opcode::kShutdown:
        io_uring_prep_shutdown(sqe, fd, Flags(record));
        return;
      case Opcode::kTimer: {
        const uint64_t microseconds = Position(record);
        op.timespec = {static_cast<int64_t>(microseconds / 1'000'000),
                       static_cast<long long>(microseconds % 1'000'000 * 1000)};
        io_uring_prep_timeout(sqe, &op.timespec, 0, 0);
        return;
      }
      case Opcode::kCancel:
      case Opcode::kListen:
      case Opcode::kConnect:
      case Opcode::kAddress:
      case Opcode::kReadv:
      case Opcode::kWritev:
      case Opcode::kReceiveMessage:
      case Opcode::kSendMessage:
      case Opcode::kDatagram:
      case Opcode::kSplice:
      case Opcode::kPipe:
      case Opcode::kAllocate:
      case Opcode::kAdvise:
      case Opcode::kUnlink:
      case Opcode::kRename:
      case Opcode::kMkdir:
      case Opcode::kHardlink:
      case Opcode::kSymlink:
      case Opcode::kPoll:
        BATON_CHECK(false && "started elsewhere");
    }
  }

  void PrepareStat(io_uring_sqe* sqe, Op& op, const SubmissionRecord& record, int fd) {
    // Not in the arena: its area starts with the path, and the kernel writes while it may still read.
    op.stat = TakeStatBuffer();
    const char* path = reinterpret_cast<const char*>(shared_.arena(record.arena_offset));
    const int flags = record.argument0 == 0 ? AT_EMPTY_PATH : record.argument0 == 2 ? AT_SYMLINK_NOFOLLOW : 0;
    io_uring_prep_statx(sqe, record.argument0 == 0 ? fd : AT_FDCWD, path, flags, kStatMask, op.stat);
  }

  void PrepareReceive(io_uring_sqe* sqe, Op& op, const SubmissionRecord& record, int fd) {
    if (!record.Has(kSubmitBufferSelect)) {
      io_uring_prep_recv(sqe, fd, LendMemory(op, record), record.length, Flags(record));
      return;
    }
    if (record.Has(kSubmitMultishot)) {
      io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, Flags(record));
    } else {
      io_uring_prep_recv(sqe, fd, nullptr, record.length, Flags(record));
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BufferRing::kGroup;
  }

  // Where the operation's buffer is; from here on the operation counts on its memory.
  uint8_t* LendMemory(Op& op, const SubmissionRecord& record) {
    const BufferCell* cell = buffers_.Find(static_cast<uint32_t>(record.buffer));
    BATON_CHECK(cell != nullptr);
    BATON_CHECK(static_cast<size_t>(record.buffer_offset) + record.length <= cell->length);
    op.slab = cell->slab;
    if (op.slab != nullptr) op.slab->Ref();
    return cell->data + record.buffer_offset;
  }

  static int Flags(const SubmissionRecord& record) { return static_cast<int>(record.argument0); }
  // The kernel's interface takes positions unsigned; -1 stays all ones.
  static uint64_t Position(const SubmissionRecord& record) { return static_cast<uint64_t>(record.Position()); }

  Op& Enter(uint32_t slot, const SubmissionRecord& record, Opcode opcode) {
    BATON_CHECK(slot < shared_.limits().slots);
    Op& op = ops_[slot];
    BATON_CHECK(!op.active);
    op.generation = record.generation;
    op.opcode = opcode;
    op.active = true;
    op.awaits_notification = false;
    op.handle = -1;
    op.fd = -1;
    op.slab = nullptr;
    in_flight_++;
    return op;
  }

  // --- operations that are no SQE, or not only one ----------------------------------------------------------------

  bool StartListen(uint32_t slot, const SubmissionRecord& record) {
    auto fd = Listen(shared_.arena(record.arena_offset), record.argument0, static_cast<int>(record.argument1), 0);
    if (!fd.ok()) return Answer(slot, record, fd.error());
    return AnswerHandle(slot, record, fd.value().Release());
  }

  bool StartAddress(uint32_t slot, const SubmissionRecord& record) {
    const auto* cell = handles_.Find(record.handle_index, record.handle_generation);
    if (cell == nullptr) return Answer(slot, record, -EBADF);
    return Answer(slot, record, EndAddress(cell->fd, Flags(record), shared_.arena(record.arena_offset)));
  }

  bool StartTruncateHere(uint32_t slot, const SubmissionRecord& record) {
    const auto* cell = handles_.Find(record.handle_index, record.handle_generation);
    if (cell == nullptr) return Answer(slot, record, -EBADF);
    const int failed = ::ftruncate(cell->fd, record.Position());
    return Answer(slot, record, failed == 0 ? 0 : -errno);
  }

  bool StartConnect(uint32_t slot, const SubmissionRecord& record) {
    SystemAddress address;
    auto fd = PrepareConnect(shared_.arena(record.arena_offset), record.argument0, 0, &address);
    if (!fd.ok()) return Answer(slot, record, fd.error());
    io_uring_sqe* sqe = GetSqe();
    if (sqe == nullptr) return false;
    Op& op = Enter(slot, record, Opcode::kConnect);
    op.fd = fd.value().Release();
    // The kernel reads the address when the entry is submitted; until then it stands where it will not move.
    connect_addresses_.push_back(address);
    const SystemAddress& kept = connect_addresses_.back();
    io_uring_prep_connect(sqe, op.fd, kept.get(), kept.length);
    sqe->user_data = UserData(slot, record.generation);
    return true;
  }

  bool StartCancel(uint32_t slot, const SubmissionRecord& record) {
    const uint32_t target = record.argument0;
    if (target >= shared_.limits().slots || !ops_[target].active || ops_[target].generation != record.argument1) {
      return Answer(slot, record, -ENOENT);
    }
    io_uring_sqe* sqe = GetSqe();
    if (sqe == nullptr) return false;
    Enter(slot, record, Opcode::kCancel);
    io_uring_prep_cancel64(sqe, UserData(target, record.argument1), 0);
    sqe->user_data = UserData(slot, record.generation);
    return true;
  }

  // Completes an operation that the kernel never had.
  bool Answer(uint32_t slot, const SubmissionRecord& record, int32_t result, uint32_t flags = 0) {
    local_.push_back({slot, record.generation, result, flags});
    return true;
  }

  bool AnswerHandle(uint32_t slot, const SubmissionRecord& record, int fd) {
    const HandleId id = handles_.Add(fd);
    return Answer(slot, record, id.index, id.generation << kAuxiliaryShift);
  }

  // --- handing over -----------------------------------------------------------------------------------------------

  io_uring_sqe* GetSqe() {
    io_uring_sqe* sqe = port_->GetSqe();
    if (sqe != nullptr) [[likely]]
      return sqe;
    Flush();
    return port_->GetSqe();
  }

  // Hands everything that is prepared to the kernel, whatever it takes: nothing is lost and nothing is doubled,
  // because an entry leaves the queue only when the kernel has taken it.
  void Flush() {
    int attempts = 0;
    while (port_->SqReady() > 0) {
      const int taken = port_->Submit();
      if (taken > 0) continue;
      if (taken < 0 && taken != -EINTR && taken != -EAGAIN && taken != -EBUSY) break;
      // No room for completions, or no memory for now: what is ready makes some.
      if (taken != -EINTR) Stash();
      if (++attempts == kSubmitAttempts) break;
    }
    if (port_->SqReady() == 0) connect_addresses_.clear();
  }

  // Takes completions out of the ring, to be handled in their order later.
  void Stash() {
    if (port_->HasDeferred()) (void)port_->FetchDeferred();
    io_uring_cqe* cqes[kReapBatch];
    for (;;) {
      const uint32_t count = port_->Peek(cqes, kReapBatch);
      if (count == 0) return;
      for (uint32_t index = 0; index < count; index++) stash_.push_back(*cqes[index]);
      port_->Advance(count);
    }
  }

  void TakeProvided() {
    uint32_t& count = shared_.control(kControlProvidedCount);
    for (uint32_t index = 0; index < count; index++) {
      const uint32_t number = shared_.provided(index);
      const BufferCell* cell = buffers_.Find(number);
      BATON_CHECK(cell != nullptr);
      buffer_ring_.Add(number, *cell);
    }
    if (count > 0) buffer_ring_.Publish();
    count = 0;
  }

  void CancelAll() {
    if (features_.cancel_any) {
      io_uring_sqe* sqe = GetSqe();
      if (sqe == nullptr) return;
      io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
      sqe->user_data = UserData(0, 0, Tag::kInternal);
      return;
    }
    for (uint32_t slot = 0; slot < shared_.limits().slots; slot++) {
      if (!ops_[slot].active) continue;
      io_uring_sqe* sqe = GetSqe();
      if (sqe == nullptr) return;
      io_uring_prep_cancel64(sqe, UserData(slot, ops_[slot].generation), 0);
      sqe->user_data = UserData(0, 0, Tag::kInternal);
    }
  }

  // --- completions ------------------------------------------------------------------------------------------------

  // Copies what is ready into the shared memory and advances the ring; core is called afterwards, if at all.
  uint32_t Collect() {
    CompletionRecord* out = shared_.completions();
    const uint32_t max = shared_.limits().completion_batch_max;
    uint32_t count = 0;
    while (count < max && !local_.empty()) {
      out[count++] = local_.front();
      local_.pop_front();
    }
    while (count < max && !stash_.empty()) {
      if (Finish(stash_.front(), &out[count])) count++;
      stash_.pop_front();
    }
    bool fetched = false;
    io_uring_cqe* cqes[kReapBatch];
    while (count < max) {
      const uint32_t ready = port_->Peek(cqes, std::min(kReapBatch, max - count));
      if (ready == 0) {
        if (fetched || !port_->HasDeferred()) break;
        (void)port_->FetchDeferred();
        fetched = true;
        continue;
      }
      for (uint32_t index = 0; index < ready; index++) {
        if (Finish(*cqes[index], &out[count])) count++;
      }
      port_->Advance(ready);
    }
    shared_.control(kControlCompletionCount) = count;
    shared_.control(kControlCompletionsWaiting) = !local_.empty() || !stash_.empty() || port_->CqReady() > 0 ? 1 : 0;
    return count;
  }

  // Makes the completion record of a CQE; false when core is not told (yet).
  bool Finish(const io_uring_cqe& cqe, CompletionRecord* out) {
    if (TagOf(cqe.user_data) == Tag::kInternal) return false;
    const uint32_t slot = SlotOf(cqe.user_data);
    Op& op = ops_[slot];
    BATON_CHECK(op.active && op.generation == GenerationOf(cqe.user_data));
    int32_t result = cqe.res;
    uint32_t flags = 0;
    const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
    switch (op.opcode) {
      case Opcode::kRead:
      case Opcode::kWrite:
        break;
      case Opcode::kReceive:
        if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
          flags = buffer_ring_.Take(cqe.flags >> IORING_CQE_BUFFER_SHIFT) << kAuxiliaryShift |
                  kCompletionBufferPicked;
        }
        break;
      case Opcode::kOpen:
      case Opcode::kAccept:
        if (result >= 0) flags = AdoptFd(&result);
        break;
      case Opcode::kConnect:
        if (result == 0 && !stopping_) {
          result = op.fd;
          flags = AdoptFd(&result);
        } else {
          ::close(op.fd);
        }
        break;
      case Opcode::kTimer:
        if (result == -ETIME) result = 0;
        break;
      case Opcode::kStat:
        if (result == 0) WriteStat(*op.stat, shared_.arena(shared_.record(slot).arena_offset));
        stat_buffers_.push_back(op.stat);
        break;
      case Opcode::kClose:
        handles_.Recycle(op.handle);
        break;
      default:
        break;
    }
    *out = {slot, op.generation, result, flags | (more ? kCompletionMore : 0)};
    if (!more) Leave(op);
    return true;
  }

  // A descriptor that came with a completion becomes a handle; the flags word of it. Nobody takes one that comes
  // while the session ends.
  uint32_t AdoptFd(int32_t* result) {
    if (stopping_) {
      ::close(*result);
      *result = -ECANCELED;
      return 0;
    }
    const HandleId id = handles_.Add(*result);
    *result = id.index;
    return id.generation << kAuxiliaryShift;
  }

  void Leave(Op& op) {
    op.active = false;
    if (op.slab != nullptr) {
      op.slab->Unref();
      op.slab = nullptr;
    }
    in_flight_--;
  }

  struct statx* TakeStatBuffer() {
    if (stat_buffers_.empty()) {
      stat_memory_.push_back(std::make_unique<struct statx>());
      return stat_memory_.back().get();
    }
    struct statx* buffer = stat_buffers_.back();
    stat_buffers_.pop_back();
    return buffer;
  }

  // Order matters: the ring goes first, then what it pointed to.
  BufferTable buffers_;
  BufferRing buffer_ring_;
  std::deque<SystemAddress> connect_addresses_;
  std::vector<std::unique_ptr<struct statx>> stat_memory_;
  std::vector<struct statx*> stat_buffers_;
  std::unique_ptr<Port> port_;
  SharedMemory shared_;
  const Features features_;
  ForkGuard fork_guard_;
  std::unique_ptr<Op[], FreeDeleter> ops_;
  Handles handles_;
  std::deque<CompletionRecord> local_;
  std::deque<io_uring_cqe> stash_;
  uint32_t in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace baton::uring

#endif  // BATON_URING_ENGINE_H_
