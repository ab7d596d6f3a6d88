// The one place that looks at what core has written before an engine works with it. Core proves what programs ask for;
// this is about mistakes in core, and in whatever else can reach the memory that it shares: none of them may become
// damage to memory here. So an engine follows a number only after it has been here, and follows the same record later
// only through what it kept from then. The twin for drivers without native code is record-check.ts.
#ifndef BATON_RECORD_CHECK_H_
#define BATON_RECORD_CHECK_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "baton/buffer_table.h"
#include "baton/opcode.gen.h"
#include "baton/shared_memory.h"

namespace baton {

// Bytes of its arena area that an operation finds or leaves something in.
constexpr uint64_t AreaBytes(AreaContent content, const SubmissionRecord& record) {
  const uint64_t path = uint64_t{record.length} + 1;
  switch (content) {
    case AreaContent::kNone:
      break;
    case AreaContent::kPath:
      return path;
    case AreaContent::kOpenedPath:
      return std::max<uint64_t>(path, std::max(kOpenAnswerBytes, kBegunBytes));
    case AreaContent::kStatPath:
      return std::max<uint64_t>(path, kStatBytes);
    case AreaContent::kTwoPaths:
      return path + record.argument1 + 1;
    case AreaContent::kAddress:
      return kAddressBytes;
    case AreaContent::kVector:
      return uint64_t{record.vector_count} * kVectorEntryBytes;
    case AreaContent::kMessage:
      return kMessageVectorAt + uint64_t{record.vector_count} * kVectorEntryBytes;
    case AreaContent::kHandles:
      return kPipeBytes;
    case AreaContent::kAdopted:
      return kAdoptAnswerBytes;
  }
  return 0;
}

// The part of a buffer lies within a buffer that there is.
inline bool IsPart(const BufferTable& buffers, uint32_t number, uint32_t offset, uint32_t length) {
  if (number >= buffers.size()) return false;
  const BufferCell& cell = buffers.At(number);
  return static_cast<bool>((cell.data != nullptr) & (size_t{offset} + length <= cell.length));
}

// The parts of a vector do, and are not more than one operation moves.
inline bool AreParts(const BufferTable& buffers, const uint8_t* entries, uint32_t count) {
  if (count > kVectorMax) return false;
  uint64_t bytes = 0;
  for (uint32_t index = 0; index < count; index++) {
    uint32_t words[kVectorEntryBytes / sizeof(uint32_t)];
    std::memcpy(words, entries + size_t{index} * kVectorEntryBytes, sizeof(words));
    if (!IsPart(buffers, words[kVectorBufferWord], words[kVectorOffsetWord], words[kVectorLengthWord])) return false;
    bytes += words[kVectorLengthWord];
  }
  return bytes <= kTransferBytesMax;
}

// Whether an operation's buffers are still to be found by their numbers, or are held since its chain was submitted.
enum class Memory : uint8_t { kNamed, kHeld };

// The arena area of a record is there, long enough, and holds what the operation counts on. Not inlined: what reads and
// writes go through stays short.
[[gnu::noinline]] inline bool IsArea(const OpcodeInfo& info, const SubmissionRecord& record, const SharedMemory& shared,
                                     const BufferTable& buffers, Memory memory) {
  const uint64_t bytes = AreaBytes(info.area, record);
  const auto offset = static_cast<uint32_t>(record.arena_offset);
  if (bytes > record.arena_length || offset % sizeof(uint32_t) != 0) return false;
  if (uint64_t{offset} + record.arena_length > shared.limits().arena_bytes) return false;
  const uint8_t* area = shared.arena(record.arena_offset);
  switch (info.area) {
    case AreaContent::kPath:
    case AreaContent::kOpenedPath:
    case AreaContent::kStatPath:
      return area[record.length] == 0;
    case AreaContent::kTwoPaths:
      return area[record.length] == 0 && area[size_t{record.length} + 1 + record.argument1] == 0;
    case AreaContent::kVector:
      return memory == Memory::kHeld || AreParts(buffers, area, record.vector_count);
    case AreaContent::kMessage:
      return memory == Memory::kHeld || AreParts(buffers, area + kMessageVectorAt, record.vector_count);
    case AreaContent::kNone:
    case AreaContent::kAddress:
    case AreaContent::kHandles:
    case AreaContent::kAdopted:
      return true;
  }
  return true;
}

// The operation has one buffer, which its record names.
constexpr bool NamesBuffer(const OpcodeInfo& info, const SubmissionRecord& record) {
  return info.buffer != BufferUse::kNone && info.area == AreaContent::kNone && !record.Has(kSubmitProvidedBuffer);
}

// A flag is never passed over in silence: what an operation cannot honour, it is refused for.
constexpr bool MayHaveFlags(const OpcodeInfo& info, const SubmissionRecord& record) {
  if ((record.operation & ~(kSubmitOpcodeMask | info.flags)) != 0) return false;
  if (!record.Has(kSubmitMultishot)) return true;
  // What ends only when it is canceled has nothing that could come after it, and would fill one buffer again and again.
  return !record.Has(kSubmitLink) && (info.buffer == BufferUse::kNone || record.Has(kSubmitProvidedBuffer));
}

// The operation works on the handle that its record names.
constexpr bool NeedsHandle(const OpcodeInfo& info, const SubmissionRecord& record) {
  return info.handles == HandleUse::kOne || info.handles == HandleUse::kTwo ||
         (info.handles == HandleUse::kOneOrPath && record.argument0 == 0);
}

// 0, or what the operation is answered with: kBadRecord for memory that is not there, an errno for what means nothing.
// Conditions are joined without branches: behind a system call each of those costs more than all that it compares.
inline int32_t CheckRecord(const SubmissionRecord& record, const SharedMemory& shared, const BufferTable& buffers,
                           Memory memory = Memory::kNamed) {
  if (!IsOpcode(record.OpcodeNumber())) [[unlikely]]
    return -EINVAL;
  const OpcodeInfo& info = InfoOf(static_cast<Opcode>(record.OpcodeNumber()));
  if (record.operation > kSubmitOpcodeMask && !MayHaveFlags(info, record)) [[unlikely]]
    return -EOPNOTSUPP;
  // No operation has generation 0, and a larger one does not fit beside a slot in what the kernel gives back.
  if (record.generation - 1 >= kGenerationMax) [[unlikely]]
    return kBadRecord;
  const int64_t position = record.Position();
  if ((position < info.position_min) | (position > info.position_max) | (record.length > info.length_max) |
      (record.argument0 > info.argument0_max)) [[unlikely]]
    return -EINVAL;
  if (NamesBuffer(info, record)) {
    const bool is_there = memory == Memory::kHeld ||
                          IsPart(buffers, static_cast<uint32_t>(record.buffer), record.buffer_offset, record.length);
    if (!is_there) return kBadRecord;
  } else if (record.Mode() > info.mode_max) {
    return -EINVAL;
  } else if (info.area != AreaContent::kNone && !IsArea(info, record, shared, buffers, memory)) {
    return kBadRecord;
  }
  return 0;
}

// Hands each buffer that core has provided since the last time to `take(number, cell, bytes)`: its first `bytes` are to
// be filled, never 0. Up to `room` of them. What cannot be filled, or is provided already, is passed over.
template <typename Take>
void TakeProvidedBuffers(SharedMemory& shared, BufferTable& buffers, size_t room, Take take) {
  uint32_t& count = shared.control(kControlProvidedCount);
  if (count == 0) [[likely]]
    return;
  const uint32_t bytes = shared.control(kControlProvidedBytes);
  const uint32_t readable = std::min(count, kProvidedMax);
  shared.control(kControlPassedOver) += count - readable;
  for (uint32_t index = 0; index < readable; index++) {
    const uint32_t number = shared.provided(index);
    const BufferCell* cell = number <= kAuxiliaryMax && room > 0 ? buffers.Provide(number) : nullptr;
    if (cell == nullptr || bytes > cell->length) {
      if (cell != nullptr) buffers.TakeProvided(number);
      shared.control(kControlPassedOver)++;
      continue;
    }
    room--;
    take(number, *cell, bytes == 0 ? cell->length : bytes);
  }
  count = 0;
}

}  // namespace baton

#endif  // BATON_RECORD_CHECK_H_
