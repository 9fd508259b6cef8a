#include "millrace_peaks.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
#include <immintrin.h>

// Defines a function that repeats an instruction on independent sums, to keep all units busy, and returns operations
// per second.
#define PEAK(name, features, type, sums, operations, ...)                     \
  __attribute__((target(features))) static double name(double seconds) {      \
    type sum[sums] = {0}, a = {0}, b = {0}, pairs = {0};                      \
    double start = now(), end = start, count = 0;                             \
    while (end - start < seconds) {                                           \
      for (int n = 0; n < 100000; n++) {                                      \
        for (int i = 0; i < sums; i++) __asm__ volatile(__VA_ARGS__);         \
      }                                                                       \
      count += 100000.0 * sums * operations;                                  \
      end = now();                                                            \
    }                                                                         \
    (void)pairs;                                                              \
    return count / (end - start);                                             \
  }

PEAK(fma_avx2, "avx2,fma", __m256, 12, 16, "vfmadd213ps %2, %1, %0" : "+x"(sum[i]) : "x"(a), "x"(b))
PEAK(fma_avx512, "avx512f", __m512, 12, 32, "vfmadd213ps %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b))
PEAK(bf16_avx512, "avx512f,avx512bf16", __m512, 12, 64, "vdpbf16ps %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b))
PEAK(int8_avx512, "avx512f,avx512vnni", __m512i, 12, 128, "vpdpbusd %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b))
// Without VNNI, products of bytes take three instructions: one multiplies, one widens the products, one adds them.
PEAK(int8_avx2, "avx2", __m256i, 6, 64,
     "vpmaddubsw %3, %2, %1\n\tvpmaddwd %3, %1, %1\n\tvpaddd %1, %0, %0"
     : "+x"(sum[i]), "=&x"(pairs)
     : "x"(a), "x"(b))
#endif

/// Whether only AVX2 is to be measured, although the processor may have more: the encoder's kernels are limited to it.
static int is_narrow(void) {
  const char *set = getenv("MILLRACE_ENCODER_SET");
  return set && strcmp(set, "avx2") == 0;
}

double millrace_peak_int8(double seconds) {
#if defined(__x86_64__)
  if (!is_narrow() && __builtin_cpu_supports("avx512vnni")) return int8_avx512(seconds);
  if (__builtin_cpu_supports("avx2")) return int8_avx2(seconds);
#endif
  (void)seconds;
  return 0;
}

double millrace_peak_fma(double seconds) {
#if defined(__x86_64__)
  if (!is_narrow() && __builtin_cpu_supports("avx512f")) return fma_avx512(seconds);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return fma_avx2(seconds);
#endif
  (void)seconds;
  return 0;
}

double millrace_peak_bf16(double seconds) {
#if defined(__x86_64__)
  if (!is_narrow() && __builtin_cpu_supports("avx512bf16")) return bf16_avx512(seconds);
#endif
  (void)seconds;
  return 0;
}

#if defined(__x86_64__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
static float read_all(const float *values, size_t count) {
#pragma clang fp reassociate(on)
  float sum = 0;
#pragma clang loop vectorize(enable) interleave_count(8)
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

struct reader {
  pthread_barrier_t *barrier;
  size_t count;
  double rate;
};

/// Reads this thread's share of the memory in passes that all threads begin together. The rate is that of the median
/// pass.
static void *read_share(void *argument) {
  struct reader *me = argument;
  float *values = malloc(me->count * 4);
  // Write every page: pages that were never written all share one physical page of zeros.
  for (size_t i = 0; values && i < me->count; i++) values[i] = (float)i;
  double times[9];
  volatile float result = 0;
  for (int pass = 0; pass < 9; pass++) {
    pthread_barrier_wait(me->barrier);
    double start = now();
    if (values) result += read_all(values, me->count);
    pthread_barrier_wait(me->barrier);
    double time = now() - start;
    int place = pass;
    while (place > 0 && times[place - 1] > time) {
      times[place] = times[place - 1];
      place--;
    }
    times[place] = time;
  }
  me->rate = values ? (double)me->count * 4 / times[4] : 0;
  free(values);
  return 0;
}

double millrace_read_rate(size_t byte_count, int threads) {
  if (threads < 1 || threads > 64) return 0;
  pthread_t handles[64];
  struct reader readers[64];
  pthread_barrier_t barrier;
  if (pthread_barrier_init(&barrier, 0, (unsigned)threads)) return 0;
  for (int i = 0; i < threads; i++) {
    readers[i] = (struct reader){&barrier, byte_count / 4 / (size_t)threads, 0};
    if (pthread_create(&handles[i], 0, read_share, &readers[i])) abort();
  }
  double rate = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(handles[i], 0);
    rate += readers[i].rate;
  }
  pthread_barrier_destroy(&barrier);
  return rate;
}
