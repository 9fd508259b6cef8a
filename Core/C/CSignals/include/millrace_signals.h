#pragma once

/// Catches `signal`: whichever thread receives it, its number is written to the pipe that `millrace_signals_next`
/// reads. Returns 0, or -1 with errno.
int millrace_signals_catch(int signal);

/// Waits for the next caught signal and returns its number, or -1 with errno.
/// Unblocks the caught signals in the calling thread, so all other threads may block them.
int millrace_signals_next(void);
