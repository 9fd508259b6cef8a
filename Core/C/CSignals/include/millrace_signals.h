#pragma once

/// From now on `signal` writes its number to the pipe that `millrace_signals_next` reads, whichever thread
/// receives it. Returns 0, or -1 with errno.
int millrace_signals_catch(int signal);

/// Waits for the next caught signal and returns its number, or -1 with errno.
/// Unblocks the caught signals in the calling thread: every other thread may block them.
int millrace_signals_next(void);
