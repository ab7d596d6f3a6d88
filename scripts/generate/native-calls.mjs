/** The C++ of operations that are one call without a buffer: the calls for threads, and the entries of the ring. */
import { camel, HEADER } from "./native-header.mjs";

/** @param {any} tables @param {(row: any) => string} line What a row does in a switch over all opcodes. */
function switchOver({ opcodeTable }, line) {
  const calls = opcodeTable.filter(({ native }) => native !== undefined);
  return `  switch (opcode) {
${calls.map((row) => `    case Opcode::k${camel(row.name)}:\n      ${line(row)}`).join("\n")}
    BATON_CASE_NO_CALL:
      break;
  }`;
}

/** @param {any} tables What `loadTables` gives. @returns {string} */
export function renderFileCalls(tables) {
  const line = ({ repeatable, native: { call } }) =>
    repeatable ? `return Uninterrupted([&] { return ${call}; });` : `return ${call} == 0 ? 0 : -errno;`;
  return `${HEADER}#ifndef BATON_FILE_CALLS_GEN_H_
#define BATON_FILE_CALLS_GEN_H_

#include <cerrno>
#include <cstdint>

#include "baton/file_calls.h"
#include "baton/opcode.gen.h"
#include "baton/uninterrupted.h"

namespace baton {

// Makes the call of an operation on names, which stand at \`first\` and \`second\`, or on a descriptor; 0 or a negative
// errno.
inline int64_t MakeFileCall(Opcode opcode, const SubmissionRecord& record, int fd, const char* first,
                            const char* second) {
${switchOver(tables, line)}
  return -EINVAL;
}

}  // namespace baton

#endif  // BATON_FILE_CALLS_GEN_H_
`;
}

/** @param {any} tables What `loadTables` gives. @returns {string} */
export function renderFileEntries(tables) {
  const rows = tables.opcodeTable.filter(({ native }) => native !== undefined);
  const entries = rows.map(({ name, beside, native: { entry, mask = "0" } }) => {
    const how = beside === "thread" ? "kThread" : "kNothing";
    return `    {Opcode::k${camel(name)}, ${entry}, Beside::${how}, ${mask}},`;
  });
  const fill = ({ native }) =>
    `return ${native.fill.replace(/\bfirst\b/g, "FirstPath(area)").replace(/\bsecond\b/g, "SecondPath(area, record)")};`;
  return `${HEADER}#ifndef BATON_URING_FILE_ENTRIES_GEN_H_
#define BATON_URING_FILE_ENTRIES_GEN_H_

#include <fcntl.h>
#include <liburing.h>

#include <cstdint>

#include "baton/file_calls.h"
#include "baton/opcode.gen.h"
#include "compat.h"
#include "entry_info.h"
#include "feature_bits.h"

namespace baton::uring {

inline constexpr EntryInfo kFileEntries[] = {
${entries.join("\n")}
};

// Fills the entry of an operation on names, which stand at \`area\`, or on a descriptor.
inline void FillFileEntry(io_uring_sqe* sqe, Opcode opcode, const SubmissionRecord& record, int fd,
                          const uint8_t* area) {
${switchOver(tables, fill)}
}

}  // namespace baton::uring

#endif  // BATON_URING_FILE_ENTRIES_GEN_H_
`;
}
