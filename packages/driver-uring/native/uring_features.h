// What this ring on this kernel can do, found by asking and by trying, less what a mask or the list of known-bad
// kernels takes away. A feature that is off is not used; the operation then goes another way, or is declared missing.
#ifndef BATON_URING_URING_FEATURES_H_
#define BATON_URING_URING_FEATURES_H_

#include <liburing.h>

#include <cstdint>
#include <cstdlib>

#include "baton/opcode.gen.h"
#include "entries.h"
#include "feature_bits.h"

namespace baton::uring {

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
    const EntryInfo& info = kEntryTable[number];
    features.entries[number] = info.entry >= 0 && probe.Has(info.entry) && (disabled & info.mask) == 0;
  }
  return features;
}

}  // namespace baton::uring

#endif  // BATON_URING_URING_FEATURES_H_
