/*
 * Runs a command under a seccomp filter that refuses io_uring's system calls and nothing else.
 *
 *   launcher ACTION CALLS COMMAND [ARGUMENT...]
 *
 *   ACTION  an errno by number, or EPERM, ENOSYS, EACCES, EOPNOTSUPP, ENOMEM;
 *           KILL_PROCESS, KILL_THREAD, TRAP, TRACE (without a tracer the kernel answers ENOSYS), LOG (allows)
 *   CALLS   all, or some of setup,enter,register
 *
 * Exits as the command does; 2: misuse, 3: no filter could be loaded, 127: the command could not be run.
 * It needs no privileges: libseccomp sets no_new_privs. See seccomp_rule_add(3), seccomp(2).
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct named_action {
  const char* name;
  uint32_t action;
};

static bool ParseAction(const char* text, uint32_t* action) {
  const struct named_action known[] = {
      {"EPERM", SCMP_ACT_ERRNO(EPERM)},           {"ENOSYS", SCMP_ACT_ERRNO(ENOSYS)},
      {"EACCES", SCMP_ACT_ERRNO(EACCES)},         {"EOPNOTSUPP", SCMP_ACT_ERRNO(EOPNOTSUPP)},
      {"ENOMEM", SCMP_ACT_ERRNO(ENOMEM)},         {"KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
      {"KILL_THREAD", SCMP_ACT_KILL_THREAD},      {"TRAP", SCMP_ACT_TRAP},
      {"TRACE", SCMP_ACT_TRACE(0)},               {"LOG", SCMP_ACT_LOG},
  };
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    if (strcmp(text, known[i].name) == 0) {
      *action = known[i].action;
      return true;
    }
  }
  char* end = NULL;
  const long number = strtol(text, &end, 10);
  if (end == text || *end != '\0' || number < 1 || number > 4095) return false;
  *action = SCMP_ACT_ERRNO((uint32_t)number);
  return true;
}

/* Adds a rule for each call of a list like "enter,register". */
static bool AddRules(scmp_filter_ctx filter, uint32_t action, const char* calls) {
  const struct {
    const char* name;
    int number;
  } known[] = {{"setup", SCMP_SYS(io_uring_setup)},
               {"enter", SCMP_SYS(io_uring_enter)},
               {"register", SCMP_SYS(io_uring_register)}};
  const size_t known_count = sizeof(known) / sizeof(known[0]);
  const char* rest = strcmp(calls, "all") == 0 ? "setup,enter,register" : calls;
  while (true) {
    const size_t length = strcspn(rest, ",");
    size_t i = 0;
    while (i < known_count && (strlen(known[i].name) != length || strncmp(known[i].name, rest, length) != 0)) i++;
    if (i == known_count) return false;
    if (seccomp_rule_add(filter, action, known[i].number, 0) != 0) return false;
    if (rest[length] == '\0') return true;
    rest += length + 1;
  }
}

int main(int argc, char** argv) {
  uint32_t action = 0;
  if (argc < 4 || !ParseAction(argv[1], &action)) {
    fprintf(stderr, "usage: launcher ACTION all|setup,enter,register COMMAND [ARGUMENT...]\n");
    return 2;
  }
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == NULL || !AddRules(filter, action, argv[2])) {
    fprintf(stderr, "launcher: no filter from %s %s\n", argv[1], argv[2]);
    return 2;
  }
  const int loaded = seccomp_load(filter);
  if (loaded != 0) {
    fprintf(stderr, "launcher: the filter cannot be loaded: %s\n", strerror(-loaded));
    return 3;
  }
  seccomp_release(filter);
  execvp(argv[3], argv + 3);
  fprintf(stderr, "launcher: %s: %s\n", argv[3], strerror(errno));
  return 127;
}
