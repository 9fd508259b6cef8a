#pragma once

/// From now on `signal` writes its number to the pipe that `millrace_signals_next` reads, whichever thread it finds.
/// Returns 0, or -1 with errno.
int millrace_signals_catch(int signal);

/// Waits for the next caught signal and returns its number, or -1 with errno.
/// The calling thread takes the caught signals itself when every other thread blocks them.
int millrace_signals_next(void);
