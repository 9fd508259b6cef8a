#define _GNU_SOURCE
#include "encoder_team.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/// How often a waiting thread looks before it sleeps or gives up: about 500 microseconds at a meeting, 100 for members
/// to come, 200 for the next job. After FIRST_TURN it yields its processor every SPINS_A_TURN: whoever it waits for may
/// need it.
enum { MEET_SPINS = 15000, JOIN_SPINS = 3000, IDLE_SPINS = 6000, FIRST_TURN = 256, SPINS_A_TURN = 64 };

struct team {
  size_t members;
  pthread_t *threads;
  size_t started;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /// Written under the lock.
  _Atomic size_t jobs;
  /// Guarded by the lock.
  int is_closed;
  /// How often members were made to wake elsewhere, and at which of these times the restriction was lifted for all.
  size_t placements, lifted;
  /// Processors that the team may use, read at the last placement.
  cpu_set_t processors;
  void (*work)(void *, size_t);
  void *context;
  /// Members that have arrived at the meeting, and meetings that are over.
  _Atomic size_t arrived, meetings;
  _Atomic size_t next_member;
  /// Members that have come for the job, and what was decided: twice the job's number, plus 1 when it is done together.
  _Atomic size_t joined, decision;
};

static void pause_a_little(int spin) {
  if (spin >= FIRST_TURN && spin % SPINS_A_TURN == 0) sched_yield();
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Linux often wakes a member on the processor of whoever wakes it. There it would wait for some milliseconds, until
/// the scheduler looks again, although another processor is free. So members wake elsewhere, and each then lifts the
/// restriction for itself. Under the lock.
static void place_elsewhere(struct team *team) {
  int here = sched_getcpu();
  // Read each time, because an operator or Kubernetes may change it. Fails with more processors than the set holds.
  if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof team->processors, &team->processors) != 0) return;
  cpu_set_t others = team->processors;
  CPU_CLR((size_t)here, &others);
  if (CPU_COUNT(&others) == 0) return;
  for (size_t i = 0; i < team->started; i++) pthread_setaffinity_np(team->threads[i], sizeof others, &others);
  team->placements++;
}

/// Lifts the restriction for members that have not woken since. Under the lock.
static void lift(struct team *team) {
  if (team->lifted == team->placements) return;
  for (size_t i = 0; i < team->started; i++) {
    pthread_setaffinity_np(team->threads[i], sizeof team->processors, &team->processors);
  }
  team->lifted = team->placements;
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
  for (int spin = 0; spin < MEET_SPINS; spin++) {
    if (atomic_load_explicit(&team->meetings, memory_order_acquire) != meeting) return;
    pause_a_little(spin);
  }
  pthread_mutex_lock(&team->lock);
  while (atomic_load_explicit(&team->meetings, memory_order_acquire) == meeting) {
    pthread_cond_wait(&team->changed, &team->lock);
  }
  pthread_mutex_unlock(&team->lock);
}

static void *member_loop(void *argument) {
  struct team *team = argument;
  size_t member = atomic_fetch_add(&team->next_member, 1), done = 0, placements = 0;
  pthread_mutex_lock(&team->lock);
  for (;;) {
    while (atomic_load(&team->jobs) == done && !team->is_closed) pthread_cond_wait(&team->changed, &team->lock);
    if (team->is_closed) break;
    done = atomic_load(&team->jobs);
    void (*work)(void *, size_t) = team->work;
    void *context = team->context;
    int is_placed = team->placements != placements;
    placements = team->placements;
    cpu_set_t processors = team->processors;
    // Under the lock, under which a job begins: nobody joins a job that is over.
    atomic_fetch_add_explicit(&team->joined, 1, memory_order_acq_rel);
    pthread_mutex_unlock(&team->lock);
    if (is_placed) pthread_setaffinity_np(pthread_self(), sizeof processors, &processors);
    size_t decision;
    for (int spin = 0; (decision = atomic_load_explicit(&team->decision, memory_order_acquire)) / 2 < done;) {
      // Without a limit: the spins only count the turns.
      pause_a_little(spin);
      spin = spin < FIRST_TURN + SPINS_A_TURN ? spin + 1 : FIRST_TURN;
    }
    if (decision == 2 * done + 1) {
      work(context, member);
      team_meet(team);
    }
    // Questions often come one after another, and a sleeping thread takes long to wake.
    for (int spin = 0; spin < IDLE_SPINS && atomic_load_explicit(&team->jobs, memory_order_acquire) == done; spin++) {
      pause_a_little(spin);
    }
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

int team_run(struct team *team, void (*work)(void *context, size_t member), void *context, int is_brief) {
  pthread_mutex_lock(&team->lock);
  team->work = work;
  team->context = context;
  if (is_brief) {
    place_elsewhere(team);
  } else {
    lift(team);
  }
  size_t job = atomic_fetch_add(&team->jobs, 1) + 1;
  atomic_store(&team->joined, 0);
  pthread_cond_broadcast(&team->changed);
  pthread_mutex_unlock(&team->lock);
  size_t others = team->members - 1;
  int spins = is_brief ? JOIN_SPINS : 0;
  for (int spin = 0; spin < spins; spin++) {
    if (atomic_load_explicit(&team->joined, memory_order_acquire) == others) break;
    // Without a turn for others: a member that waits for this processor must get another one, or not come.
    pause_a_little(0);
  }
  int is_together = !is_brief || atomic_load_explicit(&team->joined, memory_order_acquire) == others;
  atomic_store_explicit(&team->decision, 2 * job + (is_together ? 1 : 0), memory_order_release);
  if (!is_together) return 0;
  work(context, 0);
  team_meet(team);
  return 1;
}
