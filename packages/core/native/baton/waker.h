// Wakes JavaScript when an engine's descriptor becomes readable: the one place that knows event loops.
//
// Node: one uv_poll handle on the loop. Bun and Deno have no usable uv_poll (Bun aborts, Deno fires once), so there an
// own thread waits on the descriptor and calls through a thread-safe function. Which one is decided by the name of the
// runtime, because the symbols are there in all of them.
#ifndef BATON_WAKER_H_
#define BATON_WAKER_H_

#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <uv.h>

#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "baton/check.h"
#include "baton/result.h"
#include "baton/unique_fd.h"

namespace baton {

class Waker {
 public:
  using Callback = void (*)(void* data);

  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Keeps the event loop (and so the process) alive, or lets it end.
  virtual void Ref() = 0;
  virtual void Unref() = 0;
  // Calls back in about a millisecond whatever the descriptor says: something must be tried again.
  virtual void WakeSoon() = 0;
  // Never calls back again, and deletes itself; `done` runs when nothing of it is left in the event loop.
  virtual void Stop(Callback done, void* data) = 0;

 protected:
  Waker() = default;
  virtual ~Waker() = default;
};

// Node's.
class UvWaker final : public Waker {
 public:
  static Result<Waker*> Create(napi_env env, int fd, Callback callback, void* data) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Result<Waker*>::Error(-ENOSYS);
    auto* waker = new UvWaker(callback, data);
    // The errno of epoll_ctl(2), which is tried here.
    if (const int error = uv_poll_init(loop, &waker->poll_, fd); error != 0) {
      delete waker;
      return Result<Waker*>::Error(error);
    }
    // Neither makes a system call.
    BATON_CHECK(uv_timer_init(loop, &waker->timer_) == 0);
    waker->poll_.data = waker;
    waker->timer_.data = waker;
    uv_unref(reinterpret_cast<uv_handle_t*>(&waker->poll_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&waker->timer_));
    BATON_CHECK(uv_poll_start(&waker->poll_, UV_READABLE, OnReadable) == 0);
    return Result<Waker*>(waker);
  }

  void Ref() override { uv_ref(reinterpret_cast<uv_handle_t*>(&poll_)); }
  void Unref() override { uv_unref(reinterpret_cast<uv_handle_t*>(&poll_)); }
  void WakeSoon() override { uv_timer_start(&timer_, OnTimer, 1, 0); }

  void Stop(Callback done, void* data) override {
    done_ = done;
    done_data_ = data;
    uv_poll_stop(&poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnClosed);
  }

 private:
  UvWaker(Callback callback, void* data) : callback_(callback), data_(data) {}
  ~UvWaker() override = default;

  static void OnReadable(uv_poll_t* poll, int, int) {
    auto* waker = static_cast<UvWaker*>(poll->data);
    waker->callback_(waker->data_);
  }
  static void OnTimer(uv_timer_t* timer) {
    auto* waker = static_cast<UvWaker*>(timer->data);
    waker->callback_(waker->data_);
  }
  static void OnClosed(uv_handle_t* handle) {
    auto* waker = static_cast<UvWaker*>(handle->data);
    if (++waker->closed_ < 2) return;
    const Callback done = waker->done_;
    void* data = waker->done_data_;
    delete waker;
    if (done != nullptr) done(data);
  }

  uv_poll_t poll_{};
  uv_timer_t timer_{};
  const Callback callback_;
  void* const data_;
  Callback done_ = nullptr;
  void* done_data_ = nullptr;
  int closed_ = 0;
};

// Bun's and Deno's. The thread waits, wakes JavaScript, and waits on only when JavaScript has looked: the descriptor
// stays readable until then.
class ThreadWaker final : public Waker {
 public:
  static Result<Waker*> Create(napi_env env, int fd, Callback callback, void* data) {
    using Made = Result<Waker*>;
    auto core = std::make_shared<Core>(fd, callback, data);
    if (!core->control.valid()) return Made::Error(-errno);
    napi_value name = nullptr;
    if (napi_create_string_utf8(env, "baton", NAPI_AUTO_LENGTH, &name) != napi_ok) return Made::Error(-ENOSYS);
    // A call may still be queued when the waker is gone, so the function holds the core by itself.
    auto* held = new std::shared_ptr<Core>(core);
    if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, held, DropCore, held, OnCall,
                                        &core->function) != napi_ok) {
      delete held;
      return Made::Error(-ENOMEM);
    }
    napi_unref_threadsafe_function(env, core->function);
    auto* waker = new ThreadWaker(env, std::move(core));
    if (const int error = waker->StartThread(); error < 0) {
      // Drops `held` when it is gone.
      napi_release_threadsafe_function(waker->core_->function, napi_tsfn_abort);
      delete waker;
      return Made::Error(error);
    }
    return Made(waker);
  }

  void Ref() override { napi_ref_threadsafe_function(env_, core_->function); }
  void Unref() override { napi_unref_threadsafe_function(env_, core_->function); }

  void WakeSoon() override {
    std::lock_guard lock(core_->mutex);
    core_->retry = true;
    core_->Signal();
  }

  void Stop(Callback done, void* data) override {
    {
      std::lock_guard lock(core_->mutex);
      core_->stopping = true;
      core_->Signal();
    }
    core_->looked.notify_one();
    pthread_join(thread_, nullptr);
    napi_release_threadsafe_function(core_->function, napi_tsfn_abort);
    delete this;
    if (done != nullptr) done(data);
  }

 private:
  struct Core {
    Core(int watched, Callback call, void* call_data)
        : control(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), fd(watched), callback(call), data(call_data) {}

    void Signal() const { (void)eventfd_write(control.get(), 1); }

    // The thread: until it is stopped.
    void Run() {
      for (;;) {
        pollfd descriptors[] = {{fd, POLLIN, 0}, {control.get(), POLLIN, 0}};
        int timeout_ms = -1;
        {
          std::lock_guard lock(mutex);
          if (retry) timeout_ms = 1;
        }
        const int ready = ::poll(descriptors, 2, timeout_ms);
        if (ready < 0 && errno != EINTR) return;
        eventfd_t ignored;
        (void)eventfd_read(control.get(), &ignored);
        std::unique_lock lock(mutex);
        if (stopping) return;
        const bool due = (descriptors[0].revents & POLLIN) != 0 || (ready == 0 && retry);
        if (!due) continue;
        retry = false;
        called = true;
        if (napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking) != napi_ok) return;
        looked.wait(lock, [this] { return !called || stopping; });
        if (stopping) return;
      }
    }

    UniqueFd control;
    const int fd;
    const Callback callback;
    void* const data;
    napi_threadsafe_function function = nullptr;
    std::mutex mutex;
    std::condition_variable looked;
    bool called = false;
    bool retry = false;
    bool stopping = false;
  };

  ThreadWaker(napi_env env, std::shared_ptr<Core> core) : env_(env), core_(std::move(core)) {}
  ~ThreadWaker() override = default;

  // 0, or a negative errno. Not by std::thread, which without exceptions ends the process when there is no thread.
  int StartThread() {
    auto* held = new std::shared_ptr<Core>(core_);
    const int error = pthread_create(&thread_, nullptr, Main, held);
    if (error != 0) delete held;
    return -error;
  }

  static void* Main(void* data) {
    const std::unique_ptr<std::shared_ptr<Core>> held(static_cast<std::shared_ptr<Core>*>(data));
    (*held)->Run();
    return nullptr;
  }

  static void OnCall(napi_env env, napi_value, void* context, void*) {
    // The environment is going away.
    if (env == nullptr) return;
    // The callback may stop the waker, and then only this keeps the core.
    const std::shared_ptr<Core> core = *static_cast<std::shared_ptr<Core>*>(context);
    {
      std::lock_guard lock(core->mutex);
      if (core->stopping) return;
    }
    core->callback(core->data);
    std::lock_guard lock(core->mutex);
    core->called = false;
    core->looked.notify_one();
  }

  static void DropCore(napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Core>*>(data); }

  const napi_env env_;
  const std::shared_ptr<Core> core_;
  pthread_t thread_{};
};

}  // namespace baton

#endif  // BATON_WAKER_H_
