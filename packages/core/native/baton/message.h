// A message of the arena (an address, flags, a vector) as recvmsg(2) and sendmsg(2) take it. It stays where it is
// while the system may use it.
#ifndef BATON_MESSAGE_H_
#define BATON_MESSAGE_H_

#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#include "baton/address.h"
#include "baton/buffer_table.h"
#include "baton/opcode.gen.h"
#include "baton/vector.h"

namespace baton {

class Message {
 public:
  Message() = default;
  // The header points into the object.
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  // A message to be received into the vector at the area.
  void PrepareReceive(const uint8_t* area, uint32_t vector_count, const BufferTable& buffers) {
    address_ = {};
    SetHeader(area, vector_count, buffers, sizeof(address_.storage));
  }

  // A message to be sent; 0 or a negative errno, with nothing taken. Without an address it goes to the peer that the
  // socket is connected to.
  [[nodiscard]] int PrepareSend(const uint8_t* area, uint32_t vector_count, const BufferTable& buffers) {
    address_ = {};
    uint32_t family;
    std::memcpy(&family, area + kAddressFamilyWord * sizeof(family), sizeof(family));
    if (family != kAddressFamilyNone) {
      const int error = ReadAddress(area, &address_);
      if (error < 0) return error;
    }
    SetHeader(area, vector_count, buffers, address_.length);
    return 0;
  }

  // After a receive: writes who sent it and what became of it to the area.
  void WriteAnswer(uint8_t* area) {
    address_.length = header_.msg_namelen;
    WriteAddress(address_, area);
    const uint32_t flags = (header_.msg_flags & MSG_TRUNC) != 0 ? kMessageTruncated : 0;
    std::memcpy(area + kMessageFlagsAt, &flags, sizeof(flags));
  }

  // Lets go of the buffers' memory.
  void Clear() { vector_.Clear(); }

  msghdr* header() { return &header_; }
  uint64_t bytes() const { return vector_.bytes(); }

 private:
  void SetHeader(const uint8_t* area, uint32_t vector_count, const BufferTable& buffers, socklen_t address_length) {
    vector_.Take(area + kMessageVectorAt, vector_count, buffers);
    header_ = {};
    header_.msg_name = address_length == 0 ? nullptr : address_.get();
    header_.msg_namelen = address_length;
    header_.msg_iov = vector_.entries();
    header_.msg_iovlen = vector_.count();
  }

  SystemAddress address_;
  BufferVector vector_;
  msghdr header_{};
};

}  // namespace baton

#endif  // BATON_MESSAGE_H_
