#include "millrace_kernels.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma clang fp contract(fast)

static uint16_t bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(bits >> 16 | 0x40);  // NaN stays NaN
  return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(name) JOIN(SET, name)

#define SET portable
#define TARGET
#define WIDTH 4
#define GROUP_MAX 6
#include "panel_kernels.h"
#undef SET
#undef TARGET
#undef WIDTH
#undef GROUP_MAX

#if defined(__x86_64__)
#define SET avx2
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define GROUP_MAX 6
#include "panel_kernels.h"
#undef SET
#undef TARGET
#undef WIDTH
#undef GROUP_MAX

#define SET avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define WIDTH 16
#define GROUP_MAX 12
#include "panel_kernels.h"
#undef SET
#undef TARGET
#undef WIDTH
#undef GROUP_MAX

#include "panel_pairs.h"
#endif

enum { PORTABLE, AVX2, AVX512, AVX512_BF16 };

static int detected(void) {
#if defined(__x86_64__)
  int has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512cd");
  if (has_avx512 && __builtin_cpu_supports("avx512bf16")) return AVX512_BF16;
  if (has_avx512) return AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
  return PORTABLE;
}

// The instruction set in use; -1 until the first call that needs one. Tests may change it.
static int chosen = -1;

static int set(void) {
  int now = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (now >= 0) return now;
  now = detected();
  __atomic_store_n(&chosen, now, __ATOMIC_RELAXED);
  return now;
}

int millrace_panels_use(int instruction_set) {
  if (instruction_set > detected()) return 0;
  __atomic_store_n(&chosen, instruction_set < 0 ? detected() : instruction_set, __ATOMIC_RELAXED);
  return 1;
}

size_t millrace_scan_scratch(size_t query_count) { return 32 * 384 + 32 * query_count; }

const char *millrace_panels_instruction_set(void) {
  switch (set()) {
    case AVX512_BF16: return "avx512_bf16";
    case AVX512: return "avx512";
    case AVX2: return "avx2";
    default: return "portable";
  }
}

float millrace_query_error(int kind, const float *query, size_t dimension) {
  return kind == MILLRACE_BF16 && set() == AVX512_BF16 ? millrace_bf16_error(query, 1, dimension) : 0;
}

void millrace_pack_queries(int kind, const float *queries, size_t query_count, size_t dimension, void *packed) {
  switch (set()) {
#if defined(__x86_64__)
    case AVX512_BF16:
      if (kind == MILLRACE_BF16) {
        pairs_pack(queries, query_count, dimension, packed);
        break;
      }
      __attribute__((fallthrough));
    case AVX512: avx512_pack(queries, query_count, dimension, packed); break;
    case AVX2: avx2_pack(queries, query_count, dimension, packed); break;
#endif
    default: portable_pack(queries, query_count, dimension, packed);
  }
}

size_t millrace_panel_scan(int kind, const void *panels, size_t panel_count, size_t dimension, const void *queries,
                           size_t query_count, const float *thresholds, float *scratch,
                           struct millrace_candidate *out) {
  switch (set()) {
#if defined(__x86_64__)
    case AVX512_BF16:
      if (kind == MILLRACE_BF16) {
        return pairs_scan(panels, panel_count, dimension, queries, query_count, thresholds, scratch, out);
      }
      __attribute__((fallthrough));
    case AVX512:
      return avx512_scan(kind, panels, panel_count, dimension, queries, query_count, thresholds, scratch, out);
    case AVX2:
      return avx2_scan(kind, panels, panel_count, dimension, queries, query_count, thresholds, scratch, out);
#endif
    default:
      return portable_scan(kind, panels, panel_count, dimension, queries, query_count, thresholds, scratch, out);
  }
}

float millrace_dot(const float *a, const float *b, size_t dimension) {
  switch (set()) {
#if defined(__x86_64__)
    case AVX512_BF16:
    case AVX512: return avx512_dot(a, b, dimension);
    case AVX2: return avx2_dot(a, b, dimension);
#endif
    default: return portable_dot(a, b, dimension);
  }
}

float millrace_bf16_round(float value) {
  uint32_t bits = (uint32_t)bf16(value) << 16;
  float rounded;
  memcpy(&rounded, &bits, 4);
  return rounded;
}

float millrace_bf16_error(const float *rows, size_t row_count, size_t dimension) {
  double worst = 0;
  for (size_t row = 0; row < row_count; row++) {
    double sum = 0;
    for (size_t k = 0; k < dimension; k++) {
      double difference = (double)rows[row * dimension + k] - millrace_bf16_round(rows[row * dimension + k]);
      sum += difference * difference;
    }
    if (sum > worst) worst = sum;
  }
  return (float)(__builtin_sqrt(worst) * 1.000001);
}

float millrace_longest(const float *rows, size_t row_count, size_t dimension) {
  double most = 0;
  for (size_t row = 0; row < row_count; row++) {
    double sum = 0;
    for (size_t k = 0; k < dimension; k++) sum += (double)rows[row * dimension + k] * rows[row * dimension + k];
    if (sum > most) most = sum;
  }
  return (float)(__builtin_sqrt(most) * 1.000001);
}

void millrace_panel_pack(int kind, const float *rows, size_t dimension, size_t padded, void *panel) {
  float *floats = panel;
  uint16_t *halves = panel;
  for (size_t k = 0; k < padded; k++) {
    for (size_t row = 0; row < 32; row++) {
      float value = k < dimension ? rows[row * dimension + k] : 0;
      if (kind == MILLRACE_FP32) {
        floats[(row / 16 * padded + k) * 16 + row % 16] = value;
      } else {
        halves[((row / 16 * padded + k) / 2 * 16 + row % 16) * 2 + k % 2] = bf16(value);
      }
    }
  }
}
