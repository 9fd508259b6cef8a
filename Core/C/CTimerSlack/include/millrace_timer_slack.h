#pragma once

/// By how many nanoseconds the kernel may delay the time-outs of the calling thread, or -1 with errno. New threads inherit
/// it (prctl(2), PR_SET_TIMERSLACK).
long millrace_timer_slack(void);

/// Sets this delay. Returns 0, or -1 with errno.
int millrace_set_timer_slack(unsigned long nanoseconds);
