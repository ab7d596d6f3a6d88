// Addresses between the arena and the system.
#include <cstring>

#include "baton/address.h"
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

}  // namespace

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
