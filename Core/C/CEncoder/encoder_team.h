#pragma once
#include <stddef.h>

// Threads that work on one job together.

struct team;
/// Creates a team of `members`, of which the caller of `team_run` is one. Returns NULL when a thread can't be started
/// or memory is short.
struct team *team_create(size_t members);
void team_free(struct team *team);
/// Each member calls `work` with its number. Returns 1 when all calls have returned. Only one caller at a time.
/// `is_brief` is for work that takes less time than a sleeping thread may need to get a core: if not all members are
/// awake within about 100 microseconds, nobody calls `work`, and the function returns 0.
int team_run(struct team *team, void (*work)(void *context, size_t member), void *context, int is_brief);
/// Returns when all members have called it. A member spins for a while and then sleeps: the others arrive within
/// microseconds, unless another process takes a core.
void team_meet(struct team *team);
