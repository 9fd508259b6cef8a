#pragma once
#include <stddef.h>

// Threads that do one thing together.

struct team;
/// A team of `members`, of which the caller of `team_run` is one. Null when there are no threads or memory.
struct team *team_create(size_t members);
void team_free(struct team *team);
/// Each member calls `work` with its number; returns 1 when all have returned. One caller at a time. With `is_brief`, work
/// that is done before a sleeping thread may get a core: returns 0 at once, and calls nothing, when not all members come
/// within about 100 microseconds.
int team_run(struct team *team, void (*work)(void *context, size_t member), void *context, int is_brief);
/// Returns when all members are here. Waits actively for a while, because members arrive within microseconds of each other
/// unless another process takes a core, then sleeps.
void team_meet(struct team *team);
