// Lets calls of an addon fail, as a system does that is short of something: the one that a control block names, its
// n-th call or every one. Only calls that come from an addon are counted; the runtime's own go through. The block is a
// file (BATON_FAIL_CONTROL) that the program writes to: call, which (0: every one), errno; and the count, which it
// reads.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kEpollCreate = 1, kTimerfdCreate, kEventfd, kEpollCtl, kPthreadCreate, kMmap, kCalloc };

struct Control {
  int32_t call;
  int32_t which;
  int32_t error;
  int32_t count;
};

static struct Control* control;

__attribute__((constructor)) static void Load(void) {
  const char* path = getenv("BATON_FAIL_CONTROL");
  if (path == NULL) return;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  void* memory = (void*)syscall(SYS_mmap, NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) control = memory;
}

// The errno to fail with, 0 to go through.
static int Fails(int call, void* caller) {
  if (control == NULL || __atomic_load_n(&control->call, __ATOMIC_ACQUIRE) != call) return 0;
  Dl_info info;
  if (dladdr(caller, &info) == 0 || info.dli_fname == NULL || strstr(info.dli_fname, ".node") == NULL) return 0;
  const int32_t number = __atomic_add_fetch(&control->count, 1, __ATOMIC_ACQ_REL);
  return control->which == 0 || control->which == number ? control->error : 0;
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))
#define FAIL_OR(call, otherwise)           \
  const int error = Fails(call, CALLER);   \
  if (error == 0) return (int)(otherwise); \
  errno = error;                           \
  return -1

int epoll_create1(int flags) { FAIL_OR(kEpollCreate, syscall(SYS_epoll_create1, flags)); }
int timerfd_create(int clock, int flags) { FAIL_OR(kTimerfdCreate, syscall(SYS_timerfd_create, clock, flags)); }
int eventfd(unsigned int value, int flags) { FAIL_OR(kEventfd, syscall(SYS_eventfd2, value, flags)); }
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event* event) {
  if (operation != EPOLL_CTL_ADD) return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
  FAIL_OR(kEpollCtl, syscall(SYS_epoll_ctl, epoll, operation, fd, event));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main_)(void*), void* data) {
  static int (*next)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  if (next == NULL) next = dlsym(RTLD_NEXT, "pthread_create");
  const int error = Fails(kPthreadCreate, CALLER);
  return error != 0 ? error : next(thread, attributes, main_, data);
}

void* mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  const int error = Fails(kMmap, CALLER);
  if (error == 0) return (void*)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
  errno = error;
  return MAP_FAILED;
}

// What programs with a large off_t call.
void* mmap64(void* address, size_t bytes, int protection, int flags, int fd, off64_t offset)
    __attribute__((alias("mmap")));

extern void* __libc_calloc(size_t count, size_t bytes);
void* calloc(size_t count, size_t bytes) {
  const int error = Fails(kCalloc, CALLER);
  if (error == 0) return __libc_calloc(count, bytes);
  errno = error;
  return NULL;
}
