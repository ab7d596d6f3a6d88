/*
 * Runs a command under a seccomp filter that does something to io_uring's system calls and allows everything else.
 *
 *   launcher ACTION CALLS COMMAND [ARGUMENT...]
 *
 *   ACTION  an errno by number, or EPERM, ENOSYS, EACCES, EOPNOTSUPP, ENOMEM;
 *           KILL_PROCESS, KILL_THREAD, TRAP, TRACE (without a tracer the kernel answers ENOSYS), LOG (allows)
 *   CALLS   all, or some of these, with commas between:
 *           setup, enter, register   the call, whatever its arguments
 *           setup>N                  with more entries than N
 *           enter&N                  with one of the flags N
 *           register=N               with the operation N
 *           clone                    a new process (a new thread is allowed)
 *
 * Exits as the command does; 2: misuse, 3: no filter could be loaded, 127: the command could not be run.
 * It needs no privileges, because no_new_privs is set, and no library. See seccomp(2).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "no filter is written for this processor"
#endif

#define INSTRUCTIONS_MAX 256

struct filter {
  struct sock_filter code[INSTRUCTIONS_MAX];
  unsigned short length;
};

static bool ParseAction(const char* text, uint32_t* action) {
  const struct {
    const char* name;
    uint32_t action;
  } known[] = {
      {"EPERM", SECCOMP_RET_ERRNO | EPERM},
      {"ENOSYS", SECCOMP_RET_ERRNO | ENOSYS},
      {"EACCES", SECCOMP_RET_ERRNO | EACCES},
      {"EOPNOTSUPP", SECCOMP_RET_ERRNO | EOPNOTSUPP},
      {"ENOMEM", SECCOMP_RET_ERRNO | ENOMEM},
      {"KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
      {"KILL_THREAD", SECCOMP_RET_KILL_THREAD},
      {"TRAP", SECCOMP_RET_TRAP},
      {"TRACE", SECCOMP_RET_TRACE},
      {"LOG", SECCOMP_RET_LOG},
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
  *action = SECCOMP_RET_ERRNO | (uint32_t)number;
  return true;
}

static void Add(struct filter* filter, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false) {
  if (filter->length == INSTRUCTIONS_MAX) abort();
  filter->code[filter->length++] = (struct sock_filter){code, if_true, if_false, k};
}

static void Load(struct filter* filter, size_t offset) {
  Add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Lower half of an argument: entries, operations and flags are 32-bit numbers. */
static size_t Argument(int number) { return offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)number; }

/* Does the action to a call, and when `test` is not 0 only if that jump is taken for the argument. */
static void AddRule(struct filter* filter, uint32_t action, long call, int argument, uint16_t test, uint32_t operand) {
  Load(filter, offsetof(struct seccomp_data, nr));
  if (test == 0) {
    Add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
  } else {
    Add(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3);
    Load(filter, Argument(argument));
    Add(filter, BPF_JMP | test | BPF_K, operand, 0, 1);
  }
  Add(filter, BPF_RET | BPF_K, action, 0, 0);
}

/* A process is made by clone(2) without CLONE_THREAD; clone3(2) keeps its flags in memory, so glibc is sent to clone.
 */
static void AddCloneRules(struct filter* filter, uint32_t action) {
  AddRule(filter, SECCOMP_RET_ERRNO | ENOSYS, __NR_clone3, 0, 0, 0);
  Load(filter, offsetof(struct seccomp_data, nr));
  Add(filter, BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3);
  Load(filter, Argument(0));
  Add(filter, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
  Add(filter, BPF_RET | BPF_K, action, 0, 0);
#ifdef __NR_fork
  AddRule(filter, action, __NR_fork, 0, 0, 0);
  AddRule(filter, action, __NR_vfork, 0, 0, 0);
#endif
}

static bool AddRuleFor(struct filter* filter, uint32_t action, const char* call) {
  char name[16];
  char test = '\0';
  unsigned operand = 0;
  if (sscanf(call, "%15[a-z]%c%u", name, &test, &operand) == 2) return false;
  if (strcmp(name, "setup") == 0 && (test == '\0' || test == '>')) {
    AddRule(filter, action, __NR_io_uring_setup, 0, test == '>' ? BPF_JGT : 0, operand);
  } else if (strcmp(name, "enter") == 0 && (test == '\0' || test == '&')) {
    AddRule(filter, action, __NR_io_uring_enter, 3, test == '&' ? BPF_JSET : 0, operand);
  } else if (strcmp(name, "register") == 0 && (test == '\0' || test == '=')) {
    AddRule(filter, action, __NR_io_uring_register, 1, test == '=' ? BPF_JEQ : 0, operand);
  } else if (strcmp(name, "clone") == 0 && test == '\0') {
    AddCloneRules(filter, action);
  } else {
    return false;
  }
  return true;
}

/* Adds the rules for a list like "enter,register=11"; writes to the list. */
static bool AddRules(struct filter* filter, uint32_t action, char* calls) {
  char* rest = NULL;
  for (char* call = strtok_r(calls, ",", &rest); call != NULL; call = strtok_r(NULL, ",", &rest)) {
    const bool all = strcmp(call, "all") == 0;
    if (!all && !AddRuleFor(filter, action, call)) return false;
    if (all && !(AddRuleFor(filter, action, "setup") && AddRuleFor(filter, action, "enter") &&
                 AddRuleFor(filter, action, "register"))) {
      return false;
    }
  }
  return filter->length > 0;
}

int main(int argc, char** argv) {
  uint32_t action = 0;
  if (argc < 4 || !ParseAction(argv[1], &action)) {
    fprintf(stderr, "usage: launcher ACTION all|setup,enter,register COMMAND [ARGUMENT...]\n");
    return 2;
  }
  struct filter rules = {.length = 0};
  if (!AddRules(&rules, action, argv[2])) {
    fprintf(stderr, "launcher: no filter from %s %s\n", argv[1], argv[2]);
    return 2;
  }
  /* Numbers of calls mean something only for the processor that they are of. */
  struct filter filter = {.length = 0};
  Load(&filter, offsetof(struct seccomp_data, arch));
  Add(&filter, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
  Add(&filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  for (unsigned short i = 0; i < rules.length; i++) {
    Add(&filter, rules.code[i].code, rules.code[i].k, rules.code[i].jt, rules.code[i].jf);
  }
  Add(&filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  const struct sock_fprog program = {filter.length, filter.code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    fprintf(stderr, "launcher: the filter cannot be loaded: %s\n", strerror(errno));
    return 3;
  }
  execvp(argv[3], argv + 3);
  fprintf(stderr, "launcher: %s: %s\n", argv[3], strerror(errno));
  return 127;
}
