// Addresses between the arena and the system.
#include "baton/address.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "baton/message.h"
#include "baton/socket_calls.h"
#include "harness.h"

using namespace baton;

namespace {

struct Area {
  uint8_t bytes[kAddressBytes] = {};

  Area(uint32_t family, uint32_t port_or_length, const void* data, size_t length) {
    const uint32_t words[3] = {family, port_or_length, 0};
    std::memcpy(bytes, words, sizeof(words));
    std::memcpy(bytes + kAddressBytesAt, data, length);
  }
  uint32_t word(size_t index) const {
    uint32_t value;
    std::memcpy(&value, bytes + index * 4, 4);
    return value;
  }
};

bool SurvivesRoundTrip(const Area& area) {
  SystemAddress address;
  if (ReadAddress(area.bytes, &address) != 0) return false;
  Area back(0, 0, "", 0);
  WriteAddress(address, back.bytes);
  return std::memcmp(area.bytes, back.bytes, kAddressBytes) == 0;
}

// A socket of a peer whose path fills all 108 bytes, without a NUL: the kernel counts one for it.
struct FullPathPeer {
  UniqueFd fd;
  sockaddr_un address{};

  explicit FullPathPeer(int type) : fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) {
    address.sun_family = AF_UNIX;
    std::memset(address.sun_path, 'p', sizeof(address.sun_path));
    std::memcpy(address.sun_path, "/tmp/", 5);
    Remove();
    EXPECT(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~FullPathPeer() { Remove(); }
  void Remove() const {
    char path[sizeof(address.sun_path) + 1] = {};
    std::memcpy(path, address.sun_path, sizeof(address.sun_path));
    unlink(path);
  }
  bool IsAt(const uint8_t* area) const {
    uint32_t words[2];
    std::memcpy(words, area, sizeof(words));
    return words[0] == kAddressFamilyUnix && words[1] == sizeof(address.sun_path) &&
           std::memcmp(area + kAddressBytesAt, address.sun_path, sizeof(address.sun_path)) == 0;
  }
};

}  // namespace

// mutant: length-of-the-kernel-is-believed
TEST("a peer whose path fills all 108 bytes is told with them and nothing behind them") {
  const FullPathPeer peer(SOCK_STREAM);
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  std::snprintf(own.sun_path + 1, sizeof(own.sun_path) - 1, "baton-address-%d", getpid());
  const UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT(bind(listener.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
  EXPECT(listen(listener.get(), 1) == 0);
  EXPECT(connect(peer.fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
  const UniqueFd accepted(accept(listener.get(), nullptr, nullptr));
  Area area(0, 0, "", 0);
  EXPECT(EndAddress(accepted.get(), 1, area.bytes) == 0 && peer.IsAt(area.bytes));
}

TEST("a datagram from a sender whose path fills all 108 bytes is told with them") {
  const FullPathPeer peer(SOCK_DGRAM);
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  std::snprintf(own.sun_path + 1, sizeof(own.sun_path) - 1, "baton-datagram-%d", getpid());
  const UniqueFd receiver(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT(bind(receiver.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0);
  EXPECT(sendto(peer.fd.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 1);
  BufferTable buffers;
  const uint32_t number = buffers.Allocate(4096, 1, {}).Take();
  uint8_t area[kMessageVectorAt + kVectorEntryBytes] = {};
  const uint32_t entry[3] = {number, 0, 16};
  std::memcpy(area + kMessageVectorAt, entry, sizeof(entry));
  Message message;
  message.PrepareReceive(area, 1, buffers);
  EXPECT(recvmsg(receiver.get(), message.header(), 0) == 1);
  message.WriteAnswer(area);
  EXPECT(peer.IsAt(area));
}

TEST("whatever length the kernel says, an address takes no more than there is of it") {
  for (const socklen_t length : {0U, 1U, 2U, 3U, 110U, 111U, 128U, 4096U}) {
    SystemAddress address;
    address.storage.ss_family = AF_UNIX;
    std::memset(reinterpret_cast<uint8_t*>(&address.storage) + offsetof(sockaddr_un, sun_path), 'x', 108);
    address.length = length;
    Area area(0, 0, "", 0);
    WriteAddress(address, area.bytes);
    EXPECT(area.word(1) <= 108);
  }
}

TEST("an IPv4 address survives the way to the system and back") {
  const uint8_t loopback[4] = {127, 0, 0, 1};
  EXPECT(SurvivesRoundTrip(Area(kAddressFamilyIpv4, 65535, loopback, 4)));
}

TEST("an IPv6 address survives the way to the system and back") {
  uint8_t address[16];
  for (uint8_t index = 0; index < 16; index++) address[index] = index;
  EXPECT(SurvivesRoundTrip(Area(kAddressFamilyIpv6, 1, address, 16)));
}

TEST("the longest path fits with its NUL, one byte more does not") {
  char path[108];
  std::memset(path, 'p', sizeof(path));
  EXPECT(SurvivesRoundTrip(Area(kAddressFamilyUnix, 107, path, 107)));
  SystemAddress address;
  EXPECT(ReadAddress(Area(kAddressFamilyUnix, 108, path, 108).bytes, &address) == -ENAMETOOLONG);
}

TEST("an abstract name may fill all 108 bytes and keeps its zero bytes") {
  char name[108] = {};
  name[50] = 'x';
  EXPECT(SurvivesRoundTrip(Area(kAddressFamilyUnix, 108, name, 108)));
}

TEST("an empty path and an unknown family are errors") {
  SystemAddress address;
  EXPECT(ReadAddress(Area(kAddressFamilyUnix, 0, "", 0).bytes, &address) == -EINVAL);
  EXPECT(ReadAddress(Area(77, 0, "", 0).bytes, &address) == -EAFNOSUPPORT);
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
