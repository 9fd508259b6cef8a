#include "encoder_team.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/// About 50 microseconds.
enum { SPINS_MAX = 1500 };

struct team {
  size_t members;
  pthread_t *threads;
  size_t started;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /// Guarded by the lock.
  size_t jobs;
  int is_closed;
  void (*work)(void *, size_t);
  void *context;
  /// Members that have arrived at the meeting, and meetings that are over.
  _Atomic size_t arrived, meetings;
  _Atomic size_t next_member;
};

static void pause_a_little(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void team_meet(struct team *team) {
  size_t meeting = atomic_load_explicit(&team->meetings, memory_order_acquire);
  if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->members) {
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    // Under the lock: whoever is about to sleep sees it, or is woken.
    pthread_mutex_lock(&team->lock);
    atomic_store_explicit(&team->meetings, meeting + 1, memory_order_release);
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
    return;
  }
  for (int spin = 0; spin < SPINS_MAX; spin++) {
    if (atomic_load_explicit(&team->meetings, memory_order_acquire) != meeting) return;
    pause_a_little();
  }
  pthread_mutex_lock(&team->lock);
  while (atomic_load_explicit(&team->meetings, memory_order_acquire) == meeting) {
    pthread_cond_wait(&team->changed, &team->lock);
  }
  pthread_mutex_unlock(&team->lock);
}

static void *member_loop(void *argument) {
  struct team *team = argument;
  size_t member = atomic_fetch_add(&team->next_member, 1), done = 0;
  pthread_mutex_lock(&team->lock);
  for (;;) {
    while (team->jobs == done && !team->is_closed) pthread_cond_wait(&team->changed, &team->lock);
    if (team->is_closed) break;
    done = team->jobs;
    void (*work)(void *, size_t) = team->work;
    void *context = team->context;
    pthread_mutex_unlock(&team->lock);
    work(context, member);
    team_meet(team);
    pthread_mutex_lock(&team->lock);
  }
  pthread_mutex_unlock(&team->lock);
  return NULL;
}

struct team *team_create(size_t members) {
  struct team *team = calloc(1, sizeof *team);
  if (!team) return NULL;
  team->members = members;
  atomic_store(&team->next_member, 1);
  pthread_mutex_init(&team->lock, NULL);
  pthread_cond_init(&team->changed, NULL);
  team->threads = calloc(members, sizeof *team->threads);
  // Signals are the main thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (team->threads && team->started + 1 < members &&
         pthread_create(team->threads + team->started, NULL, member_loop, team) == 0) {
    team->started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (team->started + 1 < members) {
    team_free(team);
    return NULL;
  }
  return team;
}

void team_free(struct team *team) {
  pthread_mutex_lock(&team->lock);
  team->is_closed = 1;
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->lock);
  for (size_t i = 0; i < team->started; i++) pthread_join(team->threads[i], NULL);
  pthread_mutex_destroy(&team->lock);
  pthread_cond_destroy(&team->changed);
  free(team->threads);
  free(team);
}

void team_run(struct team *team, void (*work)(void *context, size_t member), void *context) {
  pthread_mutex_lock(&team->lock);
  team->work = work;
  team->context = context;
  team->jobs++;
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->lock);
  work(context, 0);
  team_meet(team);
}
