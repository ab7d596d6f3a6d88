// Jobs that both native engines give to threads: calls on names, on open files, and for sockets whose address is a
// name. Each has everything it needs by value: nothing of the engine is touched there.
#ifndef BATON_FILE_JOBS_H_
#define BATON_FILE_JOBS_H_

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "baton/address.h"
#include "baton/file_calls.gen.h"
#include "baton/file_calls.h"
#include "baton/opcode.gen.h"
#include "baton/socket_calls.h"
#include "baton/unique_fd.h"
#include "baton/worker_pool.h"

namespace baton {

// Calls on an open file that may wait for its device.
inline std::unique_ptr<Job> MakeFileJob(JobId id, const SubmissionRecord& record, Opcode opcode, int fd) {
  return MakeCallJob(id, [record, opcode, fd] { return MakeFileCall(opcode, record, fd, "", ""); });
}

// Calls on one path or two, which stand at the area: directories may have to be read.
inline std::unique_ptr<Job> MakePathJob(JobId id, const SubmissionRecord& record, Opcode opcode, const uint8_t* area) {
  std::string first(FirstPath(area), record.length);
  std::string second;
  if (InfoOf(opcode).area == AreaContent::kTwoPaths) second.assign(SecondPath(area, record), record.argument1);
  return MakeCallJob(id, [record, opcode, first = std::move(first), second = std::move(second)] {
    return MakeFileCall(opcode, record, -1, first.c_str(), second.c_str());
  });
}

// Makes a socket whose address is a name in a file system, which can wait as every change of a directory can.
class BindJob final : public Job {
 public:
  // `type_flags` are added to the type of the socket.
  BindJob(JobId job_id, const SubmissionRecord& record, const uint8_t* area, int type_flags)
      : Job(job_id),
        listens_(static_cast<Opcode>(record.OpcodeNumber()) == Opcode::kListen),
        options_(record.argument0),
        backlog_(static_cast<int>(record.argument1)),
        type_flags_(type_flags) {
    std::memcpy(area_, area, sizeof(area_));
  }

  int64_t Run() override {
    auto made = listens_ ? Listen(area_, options_, backlog_, type_flags_) : Datagram(area_, options_, type_flags_);
    if (!made.ok()) return made.error();
    made_ = made.Take();
    return 0;
  }

  // The socket becomes somebody's, and its address is written to the area. One that nobody takes is closed with the
  // job.
  int Take(uint8_t* area) {
    std::memcpy(area, area_, sizeof(area_));
    return made_.Release();
  }

 private:
  const bool listens_;
  const uint32_t options_;
  const int backlog_;
  const int type_flags_;
  uint8_t area_[kAddressBytes];
  UniqueFd made_;
};

}  // namespace baton

#endif  // BATON_FILE_JOBS_H_
