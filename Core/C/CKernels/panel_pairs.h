// The scan of bf16 panels with the processor's own products of bf16 pairs (AVX512_BF16), included once by
// millrace_panels.c. The queries are rounded to bf16, too: `millrace_query_error` says by how much.
//
// Intel's manual, VDPBF16PS: each 32-bit lane adds two products of bf16 numbers to an fp32 sum. Numbers below 2^-126
// count as zero.

#define PAIRS_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
#define PAIRS_INLINE static inline __attribute__((always_inline)) PAIRS_TARGET
#define PAIRS_GROUP_MAX 12
/// With at most this many queries, a panel is read in the order of its bytes, which is fastest for memory.
#define PAIRS_FEW 4

/// Sets scores[j * 32 + row] of the panel's 32 rows. `ahead` is prefetched unless it is null.
PAIRS_INLINE void pairs_both(const char *panel, size_t half, const char *ahead, const uint32_t *queries,
                             size_t pair_count, int count, float *scores) {
  __m512 sum[PAIRS_GROUP_MAX][2];
  for (int j = 0; j < count; j++) sum[j][0] = sum[j][1] = _mm512_setzero_ps();
  for (size_t k = 0; k < pair_count; k++) {
    __m512bh x = (__m512bh)_mm512_loadu_si512(panel + k * 64);
    __m512bh y = (__m512bh)_mm512_loadu_si512(panel + half + k * 64);
    if (ahead) {
      __builtin_prefetch(ahead + k * 64, 0, 2);
      __builtin_prefetch(ahead + half + k * 64, 0, 2);
    }
    for (int j = 0; j < count; j++) {
      __m512bh q = (__m512bh)_mm512_set1_epi32((int)queries[k * count + j]);
      sum[j][0] = _mm512_dpbf16_ps(sum[j][0], x, q);
      sum[j][1] = _mm512_dpbf16_ps(sum[j][1], y, q);
    }
  }
  for (int j = 0; j < count; j++) {
    _mm512_storeu_ps(scores + j * 32, sum[j][0]);
    _mm512_storeu_ps(scores + j * 32 + 16, sum[j][1]);
  }
}

/// The same for few queries, one half of the panel after the other. For each query, `chains` independent sums hide the
/// latency of the instruction.
PAIRS_INLINE void pairs_few(const char *panel, size_t half, const uint32_t *queries, size_t pair_count, int count,
                            int chains, float *scores) {
  for (int side = 0; side < 2; side++) {
    const char *rows = panel + (size_t)side * half;
    __m512 sum[8];
    for (int i = 0; i < count * chains; i++) sum[i] = _mm512_setzero_ps();
    size_t k = 0;
    for (; k + (size_t)chains <= pair_count; k += (size_t)chains) {
      for (int c = 0; c < chains; c++) {
        __m512bh x = (__m512bh)_mm512_loadu_si512(rows + (k + (size_t)c) * 64);
        for (int j = 0; j < count; j++) {
          __m512bh q = (__m512bh)_mm512_set1_epi32((int)queries[(k + (size_t)c) * (size_t)count + (size_t)j]);
          sum[c * count + j] = _mm512_dpbf16_ps(sum[c * count + j], x, q);
        }
      }
    }
    for (; k < pair_count; k++) {
      __m512bh x = (__m512bh)_mm512_loadu_si512(rows + k * 64);
      for (int j = 0; j < count; j++) {
        __m512bh q = (__m512bh)_mm512_set1_epi32((int)queries[k * (size_t)count + (size_t)j]);
        sum[j] = _mm512_dpbf16_ps(sum[j], x, q);
      }
    }
    for (int j = 0; j < count; j++) {
      __m512 all = sum[j];
      for (int c = 1; c < chains; c++) all = _mm512_add_ps(all, sum[c * count + j]);
      _mm512_storeu_ps(scores + j * 32 + side * 16, all);
    }
  }
}

#define PAIRS(n)                                                                    \
  case n:                                                                           \
    if (ahead) {                                                                    \
      pairs_both(panel, half, ahead, queries, pair_count, n, scores);               \
    } else {                                                                        \
      pairs_both(panel, half, 0, queries, pair_count, n, scores);                   \
    }                                                                               \
    break;
#define FEW(n, chains) \
  case n: pairs_few(panel, half, queries, pair_count, n, chains, scores); break;

PAIRS_TARGET static void pairs_group(const char *panel, size_t half, const char *ahead, const uint32_t *queries,
                                     size_t pair_count, int count, float *scores) {
  switch (count) {
    PAIRS(1) PAIRS(2) PAIRS(3) PAIRS(4) PAIRS(5) PAIRS(6) PAIRS(7) PAIRS(8) PAIRS(9) PAIRS(10) PAIRS(11) PAIRS(12)
  }
}

PAIRS_TARGET static void pairs_small(const char *panel, size_t half, const uint32_t *queries, size_t pair_count,
                                     int count, float *scores) {
  switch (count) { FEW(1, 4) FEW(2, 4) FEW(3, 2) FEW(4, 2) }
}

PAIRS_TARGET static size_t pairs_scan(const void *panels, size_t panel_count, size_t dimension, const uint32_t *queries,
                                      size_t query_count, const float *thresholds, float *scores,
                                      struct millrace_candidate *out) {
  size_t group_count = (query_count + PAIRS_GROUP_MAX - 1) / PAIRS_GROUP_MAX, found = 0;
  size_t pair_count = dimension / 2, half = pair_count * 64;
  for (size_t p = 0; p < panel_count; p++) {
    const char *panel = (const char *)panels + p * 2 * half;
    if (query_count <= PAIRS_FEW) {
      pairs_small(panel, half, queries, pair_count, (int)query_count, scores);
    } else {
      size_t first = 0;
      for (size_t g = 0; g < group_count; g++) {
        size_t count = (query_count - first + group_count - g - 1) / (group_count - g);
        // The next panel is prefetched while the first group scores this one.
        pairs_group(panel, half, g == 0 ? panel + 2 * half : 0, queries + first * pair_count, pair_count, (int)count,
                    scores + first * 32);
        first += count;
      }
    }
    found = avx512_collect(scores, query_count, thresholds, (uint32_t)(p * 32), out, found);
  }
  return found;
}

/// Packs row-major queries in groups of nearly equal size. A group holds pair 0 of each of its queries, then pair 1.
static void pairs_pack(const float *queries, size_t query_count, size_t dimension, uint32_t *packed) {
  size_t group_count = (query_count + PAIRS_GROUP_MAX - 1) / PAIRS_GROUP_MAX, first = 0;
  size_t pair_count = dimension / 2;
  for (size_t g = 0; g < group_count; g++) {
    size_t count = (query_count - first + group_count - g - 1) / (group_count - g);
    uint32_t *group = packed + first * pair_count;
    for (size_t k = 0; k < pair_count; k++) {
      for (size_t j = 0; j < count; j++) {
        const float *pair = queries + (first + j) * dimension + 2 * k;
        group[k * count + j] = bf16(pair[0]) | (uint32_t)bf16(pair[1]) << 16;
      }
    }
    first += count;
  }
}

#undef PAIRS_TARGET
#undef PAIRS_INLINE
#undef PAIRS
#undef FEW
