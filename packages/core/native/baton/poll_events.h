// What `poll` waits for, in Baton's bits and in the system's. EPOLLIN and its kin have the same values as POLLIN.
#ifndef BATON_POLL_EVENTS_H_
#define BATON_POLL_EVENTS_H_

#include <poll.h>
#include <sys/epoll.h>

#include <cstdint>

#include "baton/opcode.gen.h"

namespace baton {

static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

inline uint32_t SystemPollEvents(uint32_t bits) {
  uint32_t events = 0;
  if ((bits & kPollReadable) != 0) events |= POLLIN;
  if ((bits & kPollWritable) != 0) events |= POLLOUT;
  // An error and a hang-up are told whatever was asked for.
  return events;
}

inline uint32_t PollBits(uint32_t events) {
  uint32_t bits = 0;
  if ((events & POLLIN) != 0) bits |= kPollReadable;
  if ((events & POLLOUT) != 0) bits |= kPollWritable;
  if ((events & POLLERR) != 0) bits |= kPollError;
  if ((events & POLLHUP) != 0) bits |= kPollHangUp;
  return bits;
}

}  // namespace baton

#endif  // BATON_POLL_EVENTS_H_
