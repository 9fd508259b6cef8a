#define _GNU_SOURCE
#include "millrace_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static int ends[2] = {-1, -1};
static sigset_t caught;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_pipe(void) {
  sigemptyset(&caught);
  if (pipe2(ends, O_CLOEXEC) == 0) fcntl(ends[1], F_SETFL, O_NONBLOCK);
}

// Async-signal-safe: one write, and errno is restored. A failed write is ignored: a full pipe already holds
// enough signals.
static void write_number(int signal) {
  int former = errno;
  unsigned char number = (unsigned char)signal;
  ssize_t written = write(ends[1], &number, 1);
  (void)written;
  errno = former;
}

int millrace_signals_catch(int signal) {
  pthread_once(&once, open_pipe);
  if (ends[1] < 0) return -1;
  sigaddset(&caught, signal);
  struct sigaction action = {.sa_handler = write_number, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}

int millrace_signals_next(void) {
  pthread_sigmask(SIG_UNBLOCK, &caught, NULL);
  for (;;) {
    unsigned char number;
    ssize_t count = read(ends[0], &number, 1);
    if (count == 1) return number;
    if (count == 0 || errno != EINTR) return -1;
  }
}
