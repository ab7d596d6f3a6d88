// A plain loop over liburing, to compare with: 4 KiB random reads at a fixed depth, one io_uring_submit_and_wait(1) per
// round. Prints one line of JSON.
//   read_uring FILE DEPTH SECONDS [direct]
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kBlock = 4096, kDepthMax = 1024 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 + (double)u.ru_stime.tv_sec +
         (double)u.ru_stime.tv_usec / 1e6;
}

// xorshift: the reads shall be random, not the generator good.
static uint64_t state = 88172645463325252ull;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void fail(const char* what, int error) {
  fprintf(stderr, "read_uring: %s: %s\n", what, strerror(error));
  exit(1);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: read_uring FILE DEPTH SECONDS [direct]\n");
    return 2;
  }
  const int depth = atoi(argv[2]);
  const double seconds = atof(argv[3]);
  const int direct = argc > 4 && strcmp(argv[4], "direct") == 0;
  if (depth < 1 || depth > kDepthMax || seconds <= 0) return 2;
  const int fd = open(argv[1], O_RDONLY | (direct ? O_DIRECT : 0));
  if (fd < 0) {
    perror(argv[1]);
    return 1;
  }
  struct stat st;
  if (fstat(fd, &st) != 0) return 1;
  const uint64_t blocks = (uint64_t)st.st_size / kBlock;
  if (blocks == 0) return 1;
  struct io_uring ring;
  const int error = io_uring_queue_init((unsigned)depth, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN);
  if (error < 0) fail("io_uring_queue_init", -error);
  char* buffers = aligned_alloc(kBlock, (size_t)depth * kBlock);
  if (buffers == NULL) return 1;

  uint64_t reads = 0;
  const double cpu_start = cpu();
  const double start = now();
  const double end = start + seconds;
  for (int i = 0; i < depth; i++) {
    struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    io_uring_prep_read(sqe, fd, buffers + (size_t)i * kBlock, kBlock, next() % blocks * kBlock);
    io_uring_sqe_set_data64(sqe, (uint64_t)i);
  }
  for (;;) {
    const int submitted = io_uring_submit_and_wait(&ring, 1);
    if (submitted < 0) fail("io_uring_submit_and_wait", -submitted);
    unsigned head, count = 0;
    struct io_uring_cqe* cqe;
    const int more = (reads & 1023) > 512 || now() < end;
    io_uring_for_each_cqe(&ring, head, cqe) {
      if (cqe->res != kBlock) fail("read", cqe->res < 0 ? -cqe->res : 5);
      count++;
      if (!more) continue;
      struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
      const uint64_t i = cqe->user_data;
      io_uring_prep_read(sqe, fd, buffers + (size_t)i * kBlock, kBlock, next() % blocks * kBlock);
      io_uring_sqe_set_data64(sqe, i);
    }
    io_uring_cq_advance(&ring, count);
    reads += count;
    if (!more) break;
  }
  const double elapsed = now() - start;
  printf("{\"operations\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", (unsigned long long)reads, elapsed,
         cpu() - cpu_start);
  return 0;
}
