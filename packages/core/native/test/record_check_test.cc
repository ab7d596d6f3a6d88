// The check of submission records by itself: what it lets through, and that it reads nothing that is not there.
#include "baton/record_check.h"

#include <cstring>
#include <utility>
#include <vector>

#include "baton/buffer_table.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"
#include "harness.h"

using namespace baton;

namespace {

constexpr uint32_t kArenaBytes = 4096;
constexpr uint32_t kBufferBytes = 4096;

struct Specimen {
  SharedMemory shared;
  BufferTable buffers;
  uint32_t buffer;
  SubmissionRecord record{};

  explicit Specimen(Opcode opcode) : shared(MakeShared()) {
    buffer = buffers.Allocate(kBufferBytes, 2, {}).value();
    record.operation = static_cast<uint32_t>(opcode);
    record.generation = 1;
    record.handle_index = -1;
    record.buffer = static_cast<int32_t>(buffer);
    record.length = 16;
    record.arena_offset = 0;
    record.arena_length = kArenaBytes;
  }

  static SharedMemory MakeShared() { return SharedMemory::Create({16, 16, 16, kArenaBytes}).Take(); }
  int32_t Check(Memory memory = Memory::kNamed) const { return CheckRecord(record, shared, buffers, memory); }
  void SetEntry(size_t at, uint32_t number, uint32_t offset, uint32_t length) {
    const uint32_t words[3] = {number, offset, length};
    std::memcpy(shared.arena(0) + at, words, sizeof(words));
  }
};

}  // namespace

TEST("a record of every operation that is right passes") {
  for (uint32_t number = 0; number < kOpcodeCount; number++) {
    Specimen specimen(static_cast<Opcode>(number));
    EXPECT(specimen.Check() == 0);
  }
}

// mutant: native-part-unchecked
TEST("a part passes up to the last byte of its buffer and not beyond, however large its numbers") {
  for (const Opcode opcode : {Opcode::kRead, Opcode::kWrite, Opcode::kReceive, Opcode::kSend}) {
    Specimen specimen(opcode);
    SubmissionRecord& record = specimen.record;
    record.length = kBufferBytes;
    EXPECT(specimen.Check() == 0);
    record.buffer_offset = 1;
    EXPECT(specimen.Check() == kBadRecord);
    record.buffer_offset = UINT32_MAX;
    record.length = 1;
    EXPECT(specimen.Check() == kBadRecord);
    record.buffer_offset = 0;
    for (const int32_t number : {-1, INT32_MIN, INT32_MAX, 2}) {
      record.buffer = number;
      EXPECT(specimen.Check() == kBadRecord);
      EXPECT(specimen.Check(Memory::kHeld) == 0);
    }
  }
}

// mutant: native-area-unchecked
TEST("an area passes up to the last byte of the arena and not beyond") {
  Specimen specimen(Opcode::kAddress);
  SubmissionRecord& record = specimen.record;
  record.arena_length = kAddressBytes;
  record.arena_offset = kArenaBytes - kAddressBytes;
  EXPECT(specimen.Check() == 0);
  constexpr auto kBeyond = static_cast<int32_t>(kArenaBytes - kAddressBytes + 4);
  for (const int32_t offset : {-1, -4, INT32_MIN, 2, kBeyond, INT32_MAX - 3}) {
    record.arena_offset = offset;
    EXPECT(specimen.Check() == kBadRecord);
  }
  record.arena_offset = 0;
  for (const uint32_t length : {0U, kAddressBytes - 1, kArenaBytes + 4, UINT32_MAX}) {
    record.arena_length = length;
    EXPECT(specimen.Check() == kBadRecord);
  }
}

// mutant: native-path-unended
TEST("a path ends with a NUL within its area, and so does the second of two") {
  Specimen one(Opcode::kUnlink);
  std::memset(one.shared.arena(0), 'a', kArenaBytes);
  one.record.length = kArenaBytes - 1;
  EXPECT(one.Check() == kBadRecord);
  one.shared.arena(0)[kArenaBytes - 1] = 0;
  EXPECT(one.Check() == 0);
  one.record.length = kArenaBytes;
  EXPECT(one.Check() == kBadRecord);
  one.record.length = UINT32_MAX;
  EXPECT(one.Check() == kBadRecord);

  Specimen two(Opcode::kRename);
  std::memset(two.shared.arena(0), 'a', kArenaBytes);
  two.shared.arena(0)[3] = 0;
  two.record.length = 3;
  two.record.argument1 = 4;
  EXPECT(two.Check() == kBadRecord);
  two.shared.arena(0)[8] = 0;
  EXPECT(two.Check() == 0);
  two.record.argument1 = UINT32_MAX;
  EXPECT(two.Check() == kBadRecord);
}

TEST("every entry of a vector is looked at, and their sum, and how many there are") {
  Specimen specimen(Opcode::kWritev);
  SubmissionRecord& record = specimen.record;
  record.vector_count = 3;
  for (uint32_t index = 0; index < 3; index++) specimen.SetEntry(index * kVectorEntryBytes, specimen.buffer, 0, 16);
  EXPECT(specimen.Check() == 0);
  specimen.SetEntry(2 * kVectorEntryBytes, specimen.buffer, kBufferBytes, 1);
  EXPECT(specimen.Check() == kBadRecord);
  EXPECT(specimen.Check(Memory::kHeld) == 0);
  specimen.SetEntry(2 * kVectorEntryBytes, 1000, 0, 1);
  EXPECT(specimen.Check() == kBadRecord);
  for (const uint32_t count : {kVectorMax + 1, UINT32_MAX, 0x15555556U}) {
    record.vector_count = count;
    EXPECT(specimen.Check() == kBadRecord);
  }
}

TEST("a vector moves no more than one operation can, however often it names the same buffer") {
  auto shared = SharedMemory::Create({16, 16, 16, 16384}).Take();
  BufferTable buffers;
  std::vector<uint8_t> memory(1);
  // Nothing of it is touched.
  const uint32_t number = buffers.Borrow(memory.data(), size_t{1} << 30);
  SubmissionRecord record{};
  record.operation = static_cast<uint32_t>(Opcode::kWritev);
  record.generation = 1;
  record.arena_length = 16384;
  for (uint32_t count : {2U, 3U}) {
    record.vector_count = count;
    for (uint32_t index = 0; index < count; index++) {
      const uint32_t words[3] = {number, 0, (1U << 30) - 4096};
      std::memcpy(shared.arena(0) + index * kVectorEntryBytes, words, sizeof(words));
    }
    EXPECT(CheckRecord(record, shared, buffers) == (count == 2 ? 0 : kBadRecord));
  }
}

// mutant: native-mode-unchecked
TEST("a mode that means nothing does not pass") {
  for (const auto& [opcode, largest] :
       {std::pair{Opcode::kAllocate, kAllocateKeepSize | kAllocatePunchHole | kAllocateZeroRange},
        std::pair{Opcode::kAdvise, kAdviceNoReuse}}) {
    Specimen specimen(opcode);
    specimen.record.buffer_offset = largest;
    EXPECT(specimen.Check() == 0);
    specimen.record.buffer_offset = largest + 1;
    EXPECT(specimen.Check() == -EINVAL);
  }
}

// mutant: native-numbers-unchecked
TEST("positions, lengths, arguments, flags and generations that mean nothing do not pass") {
  Specimen specimen(Opcode::kRead);
  SubmissionRecord& record = specimen.record;
  const auto at = [&](int64_t position) {
    record.position_low = static_cast<uint32_t>(position);
    record.position_high = static_cast<int32_t>(position >> 32);
    return specimen.Check();
  };
  EXPECT(at(-1) == 0 && at(kPositionMax) == 0);
  EXPECT(at(-2) == -EINVAL && at(kPositionMax + 1) == -EINVAL && at(INT64_MIN) == -EINVAL);
  EXPECT(at(0) == 0);
  record.length = kTransferBytesMax + 1;
  EXPECT(specimen.Check() == -EINVAL);
  record.length = 16;
  for (const uint32_t generation : {0U, kGenerationMax + 1, UINT32_MAX}) {
    record.generation = generation;
    EXPECT(specimen.Check() == kBadRecord);
  }
  record.generation = kGenerationMax;
  EXPECT(specimen.Check() == 0);
  record.operation |= 0x1000;
  EXPECT(specimen.Check() == -EOPNOTSUPP);
  record.operation = kOpcodeCount;
  EXPECT(specimen.Check() == -EINVAL);
}

// mutant: native-flags-unchecked, native-multishot-unchecked
TEST("a flag passes on the operations that can have it, and on no other") {
  for (uint32_t number = 0; number < kOpcodeCount; number++) {
    for (const uint32_t flag : {kSubmitMultishot, kSubmitProvidedBuffer, kSubmitLink, kSubmitTimeout}) {
      Specimen specimen(static_cast<Opcode>(number));
      SubmissionRecord& record = specimen.record;
      const bool one_buffer = flag == kSubmitMultishot && static_cast<Opcode>(number) == Opcode::kReceive;
      const bool known = (InfoOf(static_cast<Opcode>(number)).flags & flag) != 0;
      record.operation = number | flag;
      EXPECT(specimen.Check() == (known && !one_buffer ? 0 : -EOPNOTSUPP));
    }
  }
  Specimen receive(Opcode::kReceive);
  receive.record.operation |= kSubmitMultishot | kSubmitProvidedBuffer;
  EXPECT(receive.Check() == 0);
  receive.record.operation |= kSubmitLink;
  EXPECT(receive.Check() == -EOPNOTSUPP);
}

namespace {

// Provides numbers; those that were taken.
std::vector<uint32_t> Provide(Specimen& specimen, const std::vector<uint32_t>& numbers, uint32_t bytes, size_t room) {
  auto* window = reinterpret_cast<uint32_t*>(specimen.shared.provided_block.data);
  std::copy(numbers.begin(), numbers.end(), window);
  specimen.shared.control(kControlProvidedCount) = static_cast<uint32_t>(numbers.size());
  specimen.shared.control(kControlProvidedBytes) = bytes;
  std::vector<uint32_t> taken;
  TakeProvidedBuffers(specimen.shared, specimen.buffers, room,
                      [&taken](uint32_t number, const BufferCell&, size_t) { taken.push_back(number); });
  return taken;
}

}  // namespace

// mutant: native-provided-twice
TEST("a buffer is provided once, as long as it is there, and no more of them than there is room for") {
  Specimen specimen(Opcode::kNop);
  const uint32_t first = specimen.buffer;
  uint8_t borrowed[16];
  const uint32_t foreign = specimen.buffers.Borrow(borrowed, sizeof(borrowed));
  EXPECT(Provide(specimen, {first, first, 1000, UINT32_MAX, foreign}, 0, 8) == std::vector<uint32_t>{first});
  EXPECT(specimen.shared.control(kControlPassedOver) == 4);
  EXPECT(Provide(specimen, {first + 1}, kBufferBytes + 1, 8).empty());
  EXPECT(Provide(specimen, {first + 1}, kBufferBytes, 0).empty());
  EXPECT(Provide(specimen, {first + 1}, kBufferBytes, 1).size() == 1);
  specimen.buffers.TakeProvided(first);
  EXPECT(Provide(specimen, {first}, 0, 1).size() == 1);
  // More than the window holds.
  specimen.shared.control(kControlPassedOver) = 0;
  specimen.shared.control(kControlProvidedCount) = UINT32_MAX;
  TakeProvidedBuffers(specimen.shared, specimen.buffers, 8, [](uint32_t, const BufferCell&, size_t) {});
  EXPECT(specimen.shared.control(kControlPassedOver) == UINT32_MAX);
}

// mutant: native-provided-freed
TEST("memory that is freed while receives may take it stays, and its number is nobody's to take") {
  Specimen specimen(Opcode::kNop);
  const uint32_t number = specimen.buffers.Allocate(kPageBytes, 1, {}).value();
  uint8_t* data = specimen.buffers.Find(number)->data;
  Slab* slab = specimen.buffers.Find(number)->slab;
  EXPECT(Provide(specimen, {number}, 0, 1).size() == 1);
  EXPECT(specimen.buffers.Free(number) == 1);
  // The kernel may still do this.
  std::memset(data, 1, kPageBytes);
  EXPECT(specimen.buffers.FindProvided(number) == nullptr);
  slab->Unref();
}

int main(int argc, char** argv) { return baton::test::RunAll(argc, argv); }
