#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Processes that read what strangers have sent. Two seccomp filters stand one on the other. The first is set before
// the program starts, and allows what the loader needs: no network, no other process, nothing written but to open
// descriptors. The second is set once the program is loaded, and allows no file to be opened any more: by
// `millrace_sandbox_enter` in a program of ours, by the preloaded library `millrace-sandbox` in another's.

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
/// Returns its process id, or a negative errno: of the filter or of the start. What goes wrong after `fork` is known
/// before this returns.
pid_t millrace_sandbox_spawn(const struct millrace_sandbox_program *program);

/// Sets the second filter for this process, for good. Returns 0 or a negative errno.
int millrace_sandbox_enter(void);

/// 1 if this process runs under a seccomp filter, else 0.
int millrace_sandbox_is_filtered(void);

/// Tries what no parser may do. Writes one line for each try, "socket 1", with the errno or 0 for success, and returns
/// the number of bytes; `exec` is not tried, because it kills the process.
size_t millrace_sandbox_probe(char *into, size_t bytes_max);
/// Tries to run another program; returns the errno if the process is still alive.
int millrace_sandbox_probe_exec(void);

/// A file without a name that holds `bytes`, at its start. Returns its descriptor or a negative errno.
int millrace_sandbox_memory_file(const void *bytes, size_t count);

/// alarm(): ends this process after so many seconds; 0 takes the order back.
unsigned millrace_sandbox_alarm(unsigned seconds);

/// A pipe that no other child inherits. Returns 0 or a negative errno.
int millrace_sandbox_pipe(int *read_end, int *write_end);
