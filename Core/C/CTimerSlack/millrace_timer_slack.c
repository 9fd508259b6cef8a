#include "millrace_timer_slack.h"
#include <sys/prctl.h>

// prctl() is variadic, so Swift can't call it.

long millrace_timer_slack(void) { return prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0); }

int millrace_set_timer_slack(unsigned long nanoseconds) { return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0); }
