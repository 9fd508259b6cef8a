#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Runs programs that read untrusted files under two seccomp filters. The first is set before the program starts and
// allows what the dynamic loader needs, but no network, no other process, and no writing except to open descriptors.
// The second is added once the program is loaded and also forbids opening files. Our own programs set it with
// `millrace_sandbox_enter`; in other programs the preloaded library `millrace-sandbox` sets it.

struct millrace_sandbox_program {
  const char *path;
  const char *const *arguments;    // with the program's name, ended by NULL
  const char *const *environment;  // ended by NULL
  int input, output, errors;       // become descriptors 0, 1 and 2; all others are closed
  uint64_t memory_bytes_max;       // of address space; 0 for no limit
  uint64_t processor_seconds_max;  // 0 for no limit
  int is_filtered;                 // 0 starts it without the first filter
};

/// Starts a program with an empty signal mask, without core dumps and with 16 descriptors at most.
/// Returns its process ID, or a negative errno. Failures between `fork` and the start of the program are reported, too.
pid_t millrace_sandbox_spawn(const struct millrace_sandbox_program *program);

/// Sets the second filter for this process, until it ends. Returns 0 or a negative errno.
int millrace_sandbox_enter(void);

/// 1 if this process runs under a seccomp filter, else 0.
int millrace_sandbox_is_filtered(void);

/// Tries calls that no parser may make. Writes one line for each try, for example "socket 1", with the errno or 0 for
/// success. Returns the number of bytes. `exec` is not tried, because it kills the process.
size_t millrace_sandbox_probe(char *into, size_t bytes_max);
/// Tries to run another program; returns the errno if the process is still alive.
int millrace_sandbox_probe_exec(void);

/// Creates a file in memory that holds `bytes`, and seeks to its start. Returns its descriptor or a negative errno.
int millrace_sandbox_memory_file(const void *bytes, size_t count);

/// Calls alarm(): SIGALRM ends this process after `seconds` seconds; 0 cancels the alarm.
unsigned millrace_sandbox_alarm(unsigned seconds);

/// Creates a pipe whose ends are closed in every child that they are not passed to. Returns 0 or a negative errno.
int millrace_sandbox_pipe(int *read_end, int *write_end);
