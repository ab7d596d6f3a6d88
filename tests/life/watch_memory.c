// Preloaded into a process: watches the memory that an addon has given back to the system.
//
// Memory that is unmapped cannot be looked at any more, and a write to it by the kernel goes unseen. So each private
// mapping that an addon makes becomes a shared one over a file in memory, which this library maps a second time. When
// the addon unmaps it, the second mapping is filled with a pattern; whatever changes the pattern is a late write.
// At the end of the process: one line on stderr, `watched N mappings, B bytes: L late bytes in M mappings`.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kMappingsMax = 4096, kBytesMin = 65536, kPattern = 0xa5 };
// A read that the device has begun has ended by then.
static const double kLookAfterSeconds = 0.3;

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

__attribute__((destructor)) static void Report(void) {
  usleep((useconds_t)(kLookAfterSeconds * 1.2e6));
  pthread_mutex_lock(&lock);
  LookAtOld();
  fprintf(stderr, "watched %zu mappings, %zu bytes: %zu late bytes in %zu mappings\n", watched, watched_bytes,
          late_bytes, late_mappings);
  pthread_mutex_unlock(&lock);
}
