// Bits of the mask of features that JavaScript hands over; the names stand in options.ts.
#ifndef BATON_URING_FEATURE_BITS_H_
#define BATON_URING_FEATURE_BITS_H_

#include <cstdint>

namespace baton::uring {

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

}  // namespace baton::uring

#endif  // BATON_URING_FEATURE_BITS_H_
