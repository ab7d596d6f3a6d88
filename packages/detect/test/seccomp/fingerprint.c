/*
 * What the kernel, or a filter before it, answers to each of io_uring's three system calls, as JSON:
 *
 *   {"setup":0,"enter":9,"register":22}
 *
 * 0 is success, everything else a positive errno. Without a filter, enter and register answer for their descriptor -1:
 * EBADF (9), and EINVAL (22) from register since Linux 6.13. See io_uring_setup(2).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup
/* One number on every architecture: they came after the tables were unified. */
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#define __NR_io_uring_register 427
#endif

int main(void) {
  uint8_t params[120] = {0}; /* struct io_uring_params */
  const long fd = syscall(__NR_io_uring_setup, 8, params);
  const int setup = fd < 0 ? errno : 0;
  if (fd >= 0) close((int)fd);
  const int enter = syscall(__NR_io_uring_enter, -1, 0, 0, 0, NULL, 0) < 0 ? errno : 0;
  const int reg = syscall(__NR_io_uring_register, -1, 0, NULL, 0) < 0 ? errno : 0;
  printf("{\"setup\":%d,\"enter\":%d,\"register\":%d}\n", setup, enter, reg);
  return 0;
}
