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
  kFeatureRegisteredFiles = 1U << 5,
  kFeatureCancelAny = 1U << 6,
  kFeatureFtruncate = 1U << 7,
  kFeatureRegisteredRing = 1U << 8,
  kFeatureLinks = 1U << 9,
};

struct Features {
  bool multishot_accept = false;
  bool multishot_receive = false;
  bool buffer_ring = false;
  bool zero_copy_send = false;
  bool registered_buffers = false;
  bool registered_files = false;
  bool cancel_any = false;
  bool ftruncate = false;
  bool registered_ring = false;
  bool links = false;
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
  features.registered_files = linux_5_19 && allowed(kFeatureRegisteredFiles);
  features.cancel_any = linux_5_19 && allowed(kFeatureCancelAny);
  features.ftruncate = probe.Has(kOpFtruncate) && allowed(kFeatureFtruncate);
  features.registered_ring = linux_5_19 && allowed(kFeatureRegisteredRing);
  features.links = probe.Has(IORING_OP_LINK_TIMEOUT) && allowed(kFeatureLinks);
  return features;
}

}  // namespace baton::uring

#endif  // BATON_URING_URING_FEATURES_H_
