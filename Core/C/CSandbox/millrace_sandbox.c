#define _GNU_SOURCE
#include "millrace_sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The program is started through the descriptor with this number, and the first filter allows no other start. The
// descriptor closes when the program begins, and the limit of 16 descriptors keeps the number from being used again.
enum { program_descriptor = 255, descriptors_max = 16 };

#define CALL(name) SCMP_SYS(name)

// Calls that both filters allow: for memory, time, pipes and the end of a process.
static const int always[] = {
    CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev), CALL(lseek), CALL(close), CALL(fstat),
    CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex), CALL(getrandom), CALL(clock_gettime),
    CALL(clock_getres), CALL(gettimeofday), CALL(time), CALL(exit), CALL(exit_group), CALL(rt_sigreturn),
    CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(sigaltstack), CALL(getpid), CALL(getppid), CALL(gettid), CALL(poll),
    CALL(ppoll), CALL(alarm), CALL(sched_yield), CALL(nanosleep), CALL(clock_nanosleep),
    CALL(restart_syscall), CALL(rseq), CALL(set_robust_list), CALL(getrusage), CALL(sched_getaffinity),
    CALL(sysinfo), CALL(uname), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
};

// Calls that the dynamic loader and a program's first steps need besides.
static const int while_loading[] = {
    CALL(mmap), CALL(mprotect), CALL(access), CALL(faccessat), CALL(faccessat2), CALL(newfstatat), CALL(statx),
    CALL(stat), CALL(lstat), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(getcwd), CALL(arch_prctl),
    CALL(set_tid_address), CALL(prctl), CALL(seccomp), CALL(ioctl), CALL(fcntl), CALL(statfs), CALL(fstatfs),
};

// Only an attacker makes these calls. They kill the process, which the parent sees.
static const int deadly[] = {
    CALL(execve), CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(pidfd_getfd), CALL(unshare),
    CALL(setns), CALL(mount), CALL(bpf), CALL(keyctl), CALL(io_uring_setup), CALL(userfaultfd), CALL(init_module),
};

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    if (code < 0) return code;
  }
  return 0;
}

#define ALL(list) list, sizeof(list) / sizeof(list[0])

// Makes the first filter, or the second one if `is_loaded`. Returns NULL if memory or libseccomp fails.
static scmp_filter_ctx make_filter(int is_loaded) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == NULL) return NULL;
  int code = allow_all(filter, ALL(always));
  for (size_t i = 0; code == 0 && i < sizeof(deadly) / sizeof(deadly[0]); i++)
    code = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
  // Resource limits may be read, but not set.
  if (code == 0)
    code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
  if (!is_loaded) {
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_TMPFILE;
    if (code == 0) code = allow_all(filter, ALL(while_loading));
    // abort() sends a signal to its own process. The process ID isn't known before fork, so any is allowed here.
    if (code == 0) code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 0);
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, writing & ~(uint64_t)O_DIRECTORY, 0));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(open), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, writing & ~(uint64_t)O_DIRECTORY, 0));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(execveat), 2, SCMP_A0(SCMP_CMP_EQ, program_descriptor),
                              SCMP_A4(SCMP_CMP_EQ, AT_EMPTY_PATH));
  } else {
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(newfstatat), 1,
                              SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL));
    if (code == 0)
      code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
    if (code == 0) code = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, CALL(execveat), 0);
  }
  if (code < 0) {
    seccomp_release(filter);
    return NULL;
  }
  return filter;
}

int millrace_sandbox_enter(void) {
  scmp_filter_ctx filter = make_filter(1);
  if (filter == NULL) return -ENOMEM;
  int code = seccomp_load(filter);
  seccomp_release(filter);
  return code;
}

int millrace_sandbox_is_filtered(void) { return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER; }

// The first filter in the kernel's format, because libseccomp must not be called after fork. Made once.
static struct sock_fprog launch_filter(void) {
  static struct sock_fprog made;  // written once, by the thread that sets `is_made`
  static int is_made;
  struct sock_fprog program = {0, NULL};
  if (__atomic_load_n(&is_made, __ATOMIC_ACQUIRE) == 2) return made;
  scmp_filter_ctx filter = make_filter(0);
  if (filter == NULL) return program;
  int file = memfd_create("filter", MFD_CLOEXEC);
  off_t count = -1;
  if (file >= 0 && seccomp_export_bpf(filter, file) == 0) count = lseek(file, 0, SEEK_END);
  seccomp_release(filter);
  if (count > 0 && count % (off_t)sizeof(struct sock_filter) == 0) {
    void *bytes = malloc((size_t)count);
    if (bytes != NULL && pread(file, bytes, (size_t)count, 0) == count) {
      program.len = (unsigned short)(count / (off_t)sizeof(struct sock_filter));
      program.filter = bytes;
    } else {
      free(bytes);
    }
  }
  if (file >= 0) close(file);
  int expected = 0;
  if (program.filter != NULL &&
      __atomic_compare_exchange_n(&is_made, &expected, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    made = program;
    __atomic_store_n(&is_made, 2, __ATOMIC_RELEASE);
  }
  return program;  // a second thread that also made a filter uses its own, which leaks a few hundred bytes once
}

static void limit(int resource, uint64_t most) {
  struct rlimit value = {most, most};
  setrlimit((__rlimit_resource_t)resource, &value);
}

// Runs between fork and exec, so it makes only calls that are safe after a fork of a process with threads.
static void begin(const struct millrace_sandbox_program *program, const struct sock_fprog *filter, int report) {
  // First moved to numbers from 16 on, because one of them may be 0, 1 or 2.
  int input = fcntl(program->input, F_DUPFD, 16), output = fcntl(program->output, F_DUPFD, 16),
      errors = fcntl(program->errors, F_DUPFD, 16), alive = fcntl(report, F_DUPFD_CLOEXEC, 16);
  int opened = open(program->path, O_RDONLY | O_CLOEXEC);
  // It may be 3, which becomes the report's number.
  int file = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 16);
  int code = 0;
  if (file < 0 || input < 0 || output < 0 || errors < 0 || alive < 0) code = errno;
  if (code == 0 && (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0)) code = errno;
  if (code == 0 && dup3(alive, 3, O_CLOEXEC) < 0) code = errno;
  if (code == 0 && file != program_descriptor && dup3(file, program_descriptor, O_CLOEXEC) < 0) code = errno;
  if (code == 0) {
    report = 3;
    // close_range exists since Linux 5.9. Every kernel that an orchestrator supports has it.
    if (syscall(SYS_close_range, 4u, (unsigned)program_descriptor - 1, 0u) < 0) code = errno;
    if (code == 0 && syscall(SYS_close_range, (unsigned)program_descriptor + 1, ~0u, 0u) < 0) code = errno;
  }
  if (code == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, descriptors_max);
    if (program->processor_seconds_max > 0) limit(RLIMIT_CPU, program->processor_seconds_max);
    if (program->memory_bytes_max > 0) limit(RLIMIT_AS, program->memory_bytes_max);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) code = errno;
  }
  if (code == 0 && program->is_filtered && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
    code = errno;
  if (code == 0 && !program->is_filtered)
    execve(program->path, (char *const *)program->arguments, (char *const *)program->environment);
  if (code == 0) {
    syscall(SYS_execveat, program_descriptor, "", program->arguments, program->environment, AT_EMPTY_PATH);
    code = errno;
  }
  ssize_t ignored = write(report, &code, sizeof code);
  (void)ignored;
  _exit(127);
}

pid_t millrace_sandbox_spawn(const struct millrace_sandbox_program *program) {
  struct sock_fprog filter = {0, NULL};
  if (program->is_filtered) {
    filter = launch_filter();
    if (filter.filter == NULL) return -ENOSYS;
  }
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;
  pid_t child = fork();
  if (child == 0) begin(program, &filter, report[1]);
  int code = child < 0 ? errno : 0;
  close(report[1]);
  if (child > 0) {
    // The pipe closes when the program begins. Until then only an errno is written to it.
    ssize_t count;
    do count = read(report[0], &code, sizeof code);
    while (count < 0 && errno == EINTR);
    if (count == sizeof code) {
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    } else {
      code = 0;
    }
  }
  close(report[0]);
  return code == 0 ? child : -code;
}

size_t millrace_sandbox_probe(char *into, size_t bytes_max) {
  size_t used = 0;
#define TRY(name, expression)                                                                   \
  do {                                                                                          \
    errno = 0;                                                                                  \
    long result = (long)(expression);                                                           \
    int count = snprintf(into + used, bytes_max - used, "%s %d\n", name, result < 0 ? errno : 0); \
    if (count > 0 && (size_t)count < bytes_max - used) used += (size_t)count;                   \
  } while (0)
  TRY("socket", socket(AF_INET, SOCK_STREAM, 0));
  TRY("unix", socket(AF_UNIX, SOCK_STREAM, 0));
  TRY("read-file", open("/proc/self/environ", O_RDONLY));
  TRY("write-file", open("/tmp/millrace-probe", O_WRONLY | O_CREAT, 0600));
  TRY("memory-file", memfd_create("probe", 0));
  long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  TRY("fork", child < 0 ? (errno = EPERM, -1) : 0);
  TRY("thread", syscall(SYS_clone3, 0, 0));
  TRY("kill", kill(getppid(), 0));
  TRY("signal", syscall(SYS_tgkill, getppid(), getppid(), 0));
  TRY("limit", setrlimit(RLIMIT_CPU, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}));
  TRY("execute-memory", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  TRY("duplicate", dup2(0, program_descriptor));
#undef TRY
  return used;
}

int millrace_sandbox_probe_exec(void) {
  char *const arguments[] = {"true", NULL};
  execv("/bin/true", arguments);
  return errno;
}

int millrace_sandbox_memory_file(const void *bytes, size_t count) {
  int file = memfd_create("document", MFD_CLOEXEC);
  if (file < 0) return -errno;
  const char *from = bytes;
  while (count > 0) {
    ssize_t written = write(file, from, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      int code = written < 0 ? errno : EIO;
      close(file);
      return -code;
    }
    from += written;
    count -= (size_t)written;
  }
  lseek(file, 0, SEEK_SET);
  return file;
}

unsigned millrace_sandbox_alarm(unsigned seconds) { return alarm(seconds); }

int millrace_sandbox_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}
