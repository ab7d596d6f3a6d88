// The epoll instance: each descriptor registered once, for both directions, edge-triggered. An edge is never missed,
// because an operation waits only after an attempt has said that there is nothing yet.
#ifndef BATON_EPOLL_POLLER_H_
#define BATON_EPOLL_POLLER_H_

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include "baton/handle_table.h"
#include "baton/result.h"
#include "baton/unique_fd.h"

namespace baton::epoll {

// What an event is about: a handle, by index and generation, so that an event of a closed descriptor never reaches the
// one that took its number; or one of the engine's own descriptors.
struct Token {
  static constexpr uint32_t kOwn = UINT32_MAX;

  uint32_t index = 0;
  uint32_t generation = 0;

  uint64_t Pack() const { return static_cast<uint64_t>(generation) << 32 | index; }
  static Token Unpack(uint64_t data) { return {static_cast<uint32_t>(data), static_cast<uint32_t>(data >> 32)}; }
  static Token Own(uint32_t which) { return {kOwn, which}; }
};

class Poller {
 public:
  static Result<std::unique_ptr<Poller>> Create() {
    auto poller = std::unique_ptr<Poller>(new Poller());
    poller->epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    if (!poller->epoll_.valid()) return Result<std::unique_ptr<Poller>>::Error(-errno);
    return poller;
  }

  // Readable when there are events: an epoll instance can be waited on like any other descriptor.
  int fd() const { return epoll_.get(); }

  // 0, or a negative errno: -EPERM for what cannot be waited on (a regular file).
  int Add(int fd, Token token, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token.Pack();
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
  }

  // Before the descriptor is closed: when another process holds it too, closing alone would not end its events.
  void Remove(int fd) { (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  // Events that are there now.
  int Take(epoll_event* events, int max) {
    const int count = epoll_wait(epoll_.get(), events, max, 0);
    return count < 0 ? 0 : count;
  }

 private:
  Poller() = default;

  UniqueFd epoll_;
};

}  // namespace baton::epoll

#endif  // BATON_EPOLL_POLLER_H_
