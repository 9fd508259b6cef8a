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

// Twelve independent sums keep both units busy.
__attribute__((target("avx2,fma"))) static double fma_avx2(double seconds) {
  __m256 sum[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-9f);
  for (int i = 0; i < 12; i++) sum[i] = _mm256_set1_ps((float)i);
  double start = now(), end = start;
  double count = 0;
  while (end - start < seconds) {
    for (int n = 0; n < 100000; n++) {
      for (int i = 0; i < 12; i++) __asm__ volatile("vfmadd213ps %2, %1, %0" : "+x"(sum[i]) : "x"(a), "x"(b));
    }
    count += 100000.0 * 12 * 16;
    end = now();
  }
  return count / (end - start);
}

__attribute__((target("avx512f"))) static double fma_avx512(double seconds) {
  __m512 sum[12], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-9f);
  for (int i = 0; i < 12; i++) sum[i] = _mm512_set1_ps((float)i);
  double start = now(), end = start;
  double count = 0;
  while (end - start < seconds) {
    for (int n = 0; n < 100000; n++) {
      for (int i = 0; i < 12; i++) __asm__ volatile("vfmadd213ps %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b));
    }
    count += 100000.0 * 12 * 32;
    end = now();
  }
  return count / (end - start);
}

__attribute__((target("avx512f,avx512bf16"))) static double bf16_avx512(double seconds) {
  __m512 sum[12], a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int i = 0; i < 12; i++) sum[i] = _mm512_setzero_ps();
  double start = now(), end = start;
  double count = 0;
  while (end - start < seconds) {
    for (int n = 0; n < 100000; n++) {
      for (int i = 0; i < 12; i++) __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b));
    }
    count += 100000.0 * 12 * 64;
    end = now();
  }
  return count / (end - start);
}

__attribute__((target("avx512f,avx512vnni"))) static double int8_avx512(double seconds) {
  __m512i sum[12], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(2);
  for (int i = 0; i < 12; i++) sum[i] = _mm512_setzero_si512();
  double start = now(), end = start;
  double count = 0;
  while (end - start < seconds) {
    for (int n = 0; n < 100000; n++) {
      for (int i = 0; i < 12; i++) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum[i]) : "v"(a), "v"(b));
    }
    count += 100000.0 * 12 * 128;
    end = now();
  }
  return count / (end - start);
}

// Without VNNI bytes take two instructions, of which the first is half of the products.
__attribute__((target("avx2"))) static double int8_avx2(double seconds) {
  __m256i sum[6], a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(2), ones = _mm256_set1_epi16(1), pairs;
  for (int i = 0; i < 6; i++) sum[i] = _mm256_setzero_si256();
  double start = now(), end = start;
  double count = 0;
  while (end - start < seconds) {
    for (int n = 0; n < 100000; n++) {
      for (int i = 0; i < 6; i++) {
        __asm__ volatile("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
                         : "+x"(sum[i]), "=&x"(pairs)
                         : "x"(a), "x"(b), "x"(ones));
      }
    }
    count += 100000.0 * 6 * 64;
    end = now();
  }
  return count / (end - start);
}
#endif

/// Whether the encoder's kernels for AVX2 are measured on a processor that has more.
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

/// Reads its share in passes that all threads begin together. The rate is of the median pass.
static void *read_share(void *argument) {
  struct reader *me = argument;
  float *values = malloc(me->count * 4);
  // Not zeros: untouched pages would all be the same one.
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
