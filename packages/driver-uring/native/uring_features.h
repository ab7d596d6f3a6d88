// What this ring on this kernel can do, found by asking and by trying, less what a mask or the list of known-bad
// kernels takes away. A feature that is off is not used; the operation then goes another way, or is declared missing.
#ifndef BATON_URING_URING_FEATURES_H_
#define BATON_URING_URING_FEATURES_H_

#include <liburing.h>

#include <cstdint>
#include <cstdlib>

#include "baton/opcode.gen.h"
#include "compat.h"

namespace baton::uring {

// Bits of the mask that JavaScript hands over; the names stand in options.ts.
enum FeatureBit : uint32_t {
  kFeatureMultishotAccept = 1U << 0,
  kFeatureMultishotReceive = 1U << 1,
  kFeatureBufferRing = 1U << 2,
  kFeatureZeroCopySend = 1U << 3,
  kFeatureRegisteredBuffers = 1U << 4,
  // 1U << 5 was never in use.
  kFeatureCancelAny = 1U << 6,
  kFeatureFtruncate = 1U << 7,
  kFeatureRegisteredRing = 1U << 8,
  kFeatureLinks = 1U << 9,
  kFeatureLinkTimeout = 1U << 10,
  kFeatureSplice = 1U << 11,
  kFeaturePaths = 1U << 12,
  kFeatureRestrictions = 1U << 13,
  // Waiting with a time, by an argument of io_uring_enter.
  kFeatureExtArg = 1U << 14,
  // Files that are not registered, with sqpoll.
  kFeatureSqpollFiles = 1U << 15,
};

struct Features {
  bool multishot_accept = false;
  bool multishot_receive = false;
  bool buffer_ring = false;
  bool zero_copy_send = false;
  bool registered_buffers = false;
  bool cancel_any = false;
  // The kernel chains entries; else the engine starts one after the other.
  bool links = false;
  bool link_timeout = false;
  // By opcode: the operation is an entry of the ring. What is not goes another way, or is declared missing.
  bool entries[kOpcodeCount] = {};

  bool IsEntry(Opcode opcode) const { return entries[static_cast<uint8_t>(opcode)]; }
};

// Which operations of io_uring the kernel has.
class OpcodeProbe {
 public:
  explicit OpcodeProbe(io_uring* ring) : probe_(io_uring_get_probe_ring(ring)) {}
  OpcodeProbe(const OpcodeProbe&) = delete;
  OpcodeProbe& operator=(const OpcodeProbe&) = delete;
  ~OpcodeProbe() {
    if (probe_ != nullptr) io_uring_free_probe(probe_);
  }

  // Without a probe (before Linux 5.6) nothing is known to be there.
  bool Has(int opcode) const { return probe_ != nullptr && io_uring_opcode_supported(probe_, opcode) != 0; }

 private:
  io_uring_probe* probe_;
};

// The operation of io_uring behind each of ours, -1 where there is none. Listen, datagram, pipe, address and adopt are
// several system calls or one that never blocks; they are made on the calling thread.
constexpr int EntryOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::kNop:
      return IORING_OP_NOP;
    case Opcode::kCancel:
      return IORING_OP_ASYNC_CANCEL;
    case Opcode::kOpen:
      return IORING_OP_OPENAT;
    case Opcode::kClose:
      return IORING_OP_CLOSE;
    case Opcode::kRead:
      return IORING_OP_READ;
    case Opcode::kWrite:
      return IORING_OP_WRITE;
    case Opcode::kFsync:
    case Opcode::kFdatasync:
      return IORING_OP_FSYNC;
    case Opcode::kStat:
      return IORING_OP_STATX;
    case Opcode::kTruncate:
      return kOpFtruncate;
    case Opcode::kAccept:
      return IORING_OP_ACCEPT;
    case Opcode::kConnect:
      return IORING_OP_CONNECT;
    case Opcode::kReceive:
      return IORING_OP_RECV;
    case Opcode::kSend:
      return IORING_OP_SEND;
    case Opcode::kShutdown:
      return IORING_OP_SHUTDOWN;
    case Opcode::kTimer:
      return IORING_OP_TIMEOUT;
    case Opcode::kReadv:
      return IORING_OP_READV;
    case Opcode::kWritev:
      return IORING_OP_WRITEV;
    case Opcode::kReceiveMessage:
      return IORING_OP_RECVMSG;
    case Opcode::kSendMessage:
      return IORING_OP_SENDMSG;
    case Opcode::kSplice:
      return IORING_OP_SPLICE;
    case Opcode::kAllocate:
      return IORING_OP_FALLOCATE;
    case Opcode::kAdvise:
      return IORING_OP_FADVISE;
    case Opcode::kUnlink:
      return IORING_OP_UNLINKAT;
    case Opcode::kRename:
      return IORING_OP_RENAMEAT;
    case Opcode::kMkdir:
      return IORING_OP_MKDIRAT;
    case Opcode::kHardlink:
      return IORING_OP_LINKAT;
    case Opcode::kSymlink:
      return IORING_OP_SYMLINKAT;
    case Opcode::kPoll:
      return IORING_OP_POLL_ADD;
    case Opcode::kListen:
    case Opcode::kAddress:
    case Opcode::kDatagram:
    case Opcode::kPipe:
    case Opcode::kAdopt:
      return -1;
  }
  return -1;
}

// The feature whose mask takes an operation off the ring, 0 for what is always on it.
constexpr uint32_t MaskOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::kTruncate:
      return kFeatureFtruncate;
    case Opcode::kSplice:
      return kFeatureSplice;
    case Opcode::kUnlink:
    case Opcode::kRename:
    case Opcode::kMkdir:
    case Opcode::kHardlink:
    case Opcode::kSymlink:
      return kFeaturePaths;
    default:
      return 0;
  }
}

// Asks the kernel. `disabled` holds the bits of features that shall be off whatever it says. Where a probe cannot ask
// for a feature, an operation of the same kernel release stands for it: IORING_OP_SOCKET for 5.19, IORING_OP_SEND_ZC
// for 6.0.
inline Features DetectFeatures(io_uring* ring, uint32_t disabled) {
  const OpcodeProbe probe(ring);
  const bool linux_5_19 = probe.Has(IORING_OP_SOCKET);
  const bool linux_6_0 = probe.Has(IORING_OP_SEND_ZC);
  const auto allowed = [disabled](FeatureBit bit) { return (disabled & bit) == 0; };
  Features features;
  features.multishot_accept = linux_5_19 && allowed(kFeatureMultishotAccept);
  features.buffer_ring = linux_5_19 && allowed(kFeatureBufferRing);
  features.multishot_receive = linux_6_0 && features.buffer_ring && allowed(kFeatureMultishotReceive);
  features.zero_copy_send = linux_6_0 && allowed(kFeatureZeroCopySend);
  features.registered_buffers = linux_5_19 && allowed(kFeatureRegisteredBuffers);
  features.cancel_any = linux_5_19 && allowed(kFeatureCancelAny);
  // Without IORING_SETUP_SUBMIT_ALL (5.18) an entry that the kernel refuses would end a submission within a chain,
  // and what is behind it would start by itself.
  const bool whole_chains = (ring->flags & IORING_SETUP_SUBMIT_ALL) != 0;
  features.links = linux_5_19 && whole_chains && allowed(kFeatureLinks);
  features.link_timeout = probe.Has(IORING_OP_LINK_TIMEOUT) && whole_chains && allowed(kFeatureLinkTimeout);
  for (uint8_t number = 0; number < kOpcodeCount; number++) {
    const auto opcode = static_cast<Opcode>(number);
    const int entry = EntryOf(opcode);
    features.entries[number] = entry >= 0 && probe.Has(entry) && (disabled & MaskOf(opcode)) == 0;
  }
  return features;
}

}  // namespace baton::uring

#endif  // BATON_URING_URING_FEATURES_H_
