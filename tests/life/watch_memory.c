// Preloaded into a process: watches the memory that an addon has given back to the system.
//
// Memory that is unmapped cannot be looked at any more, and a write to it by the kernel goes unseen. So each private
// mapping that an addon makes becomes a shared one over a file in memory, which this library maps a second time. When
// the addon unmaps it, the second mapping is filled with a pattern; whatever changes the pattern is a late write.
// With WATCH_READ_MS the device is slow: reads that may not wait find nothing (EAGAIN), and those that may take so much
// longer. How fast the disk is that a test runs on must not decide what the test finds. The kernel looks pages up when
// a read begins, and the device writes to them whatever has become of the mapping; so such a read goes to the second
// mapping. At the end of the process: one line on stderr, `watched N mappings, B bytes: L late bytes in M mappings`.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { kMappingsMax = 4096, kBytesMin = 65536, kPattern = 0xa5, kPartsMax = 16 };
// A read that the device has begun has ended by then, a slow one too.
static const double kLookAfterSeconds = 0.8;

struct mapping {
  uint8_t* addon;
  uint8_t* twin;
  size_t bytes;
  double given_back_at;  // 0: the addon has it
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapping mappings[kMappingsMax];
static size_t count, watched, watched_bytes, late_bytes, late_mappings;

static double Now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void* SystemMmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  return (void*)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

static int IsAddon(const void* caller) {
  Dl_info info;
  if (dladdr(caller, &info) == 0 || info.dli_fname == NULL) return 0;
  const size_t length = strlen(info.dli_fname);
  return length > 5 && strcmp(info.dli_fname + length - 5, ".node") == 0;
}

// Counts what has changed since the mapping was given back, and lets go of it.
static void Look(struct mapping* mapping) {
  size_t late = 0;
  for (size_t index = 0; index < mapping->bytes; index++) late += mapping->twin[index] != kPattern;
  late_bytes += late;
  late_mappings += late > 0;
  watched++;
  watched_bytes += mapping->bytes;
  syscall(SYS_munmap, mapping->twin, mapping->bytes);
  *mapping = mappings[--count];
}

static void LookAtOld(void) {
  const double now = Now();
  for (size_t index = 0; index < count;) {
    struct mapping* mapping = &mappings[index];
    if (mapping->given_back_at > 0 && now - mapping->given_back_at > kLookAfterSeconds) {
      Look(mapping);
    } else {
      index++;
    }
  }
}

void* mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  const int wanted = address == NULL && flags == (MAP_PRIVATE | MAP_ANONYMOUS) && bytes >= kBytesMin;
  if (!wanted || !IsAddon(__builtin_return_address(0))) {
    return SystemMmap(address, bytes, protection, flags, fd, offset);
  }
  const int file = memfd_create("watched", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)bytes) != 0) _exit(99);
  uint8_t* addon = SystemMmap(NULL, bytes, protection, MAP_SHARED, file, 0);
  uint8_t* twin = SystemMmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (addon == MAP_FAILED || twin == MAP_FAILED) _exit(99);
  pthread_mutex_lock(&lock);
  LookAtOld();
  if (count == kMappingsMax) _exit(99);
  mappings[count++] = (struct mapping){addon, twin, bytes, 0};
  pthread_mutex_unlock(&lock);
  return addon;
}

void* mmap64(void* address, size_t bytes, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));

int munmap(void* address, size_t bytes) {
  pthread_mutex_lock(&lock);
  for (size_t index = 0; index < count; index++) {
    if (mappings[index].addon != address) continue;
    mappings[index].given_back_at = Now();
    memset(mappings[index].twin, kPattern, bytes);
  }
  pthread_mutex_unlock(&lock);
  return (int)syscall(SYS_munmap, address, bytes);
}

// Where the second mapping of the addon's has this byte; of what is not watched, the byte itself.
static void* TwinOf(uint8_t* byte) {
  for (size_t index = 0; index < count; index++) {
    const struct mapping* mapping = &mappings[index];
    const int within = byte >= mapping->addon && byte < mapping->addon + mapping->bytes;
    if (mapping->given_back_at == 0 && within) return mapping->twin + (byte - mapping->addon);
  }
  return byte;
}

static long ReadDelayMs(void) {
  const char* text = getenv("WATCH_READ_MS");
  return text == NULL ? 0 : atol(text);
}

// As a device does it: a signal, with which a driver interrupts what its threads wait for, ends nothing here.
static void WaitForDevice(long delay_ms) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += delay_ms % 1000 * 1000000;
  end.tv_sec += delay_ms / 1000 + end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) continue;
}

static ssize_t SystemPreadv2(int fd, const struct iovec* parts, int parts_count, off_t offset, int flags) {
  return syscall(SYS_preadv2, fd, parts, parts_count, (unsigned long)offset, 0UL, flags);
}

ssize_t preadv2(int fd, const struct iovec* parts, int parts_count, off_t offset, int flags) {
  const long delay = ReadDelayMs();
  if (delay == 0 || parts_count > kPartsMax) return SystemPreadv2(fd, parts, parts_count, offset, flags);
  if ((flags & RWF_NOWAIT) != 0) {
    errno = EAGAIN;
    return -1;
  }
  struct iovec twins[kPartsMax];
  pthread_mutex_lock(&lock);
  for (int part = 0; part < parts_count; part++) {
    twins[part] = (struct iovec){TwinOf(parts[part].iov_base), parts[part].iov_len};
  }
  pthread_mutex_unlock(&lock);
  // A read that has begun has its file, whoever closes the descriptor.
  const int held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (held < 0) _exit(99);
  WaitForDevice(delay);
  const ssize_t result = SystemPreadv2(held, twins, parts_count, offset, flags);
  close(held);
  return result;
}

ssize_t preadv64v2(int fd, const struct iovec* parts, int parts_count, off_t offset, int flags)
    __attribute__((alias("preadv2")));

__attribute__((destructor)) static void Report(void) {
  usleep((useconds_t)(kLookAfterSeconds * 1.2e6));
  pthread_mutex_lock(&lock);
  LookAtOld();
  fprintf(stderr, "watched %zu mappings, %zu bytes: %zu late bytes in %zu mappings\n", watched, watched_bytes,
          late_bytes, late_mappings);
  pthread_mutex_unlock(&lock);
}
