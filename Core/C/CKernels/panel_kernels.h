// The scan kernels for one instruction set, included once for each by millrace_panels.c, which defines NAME, TARGET,
// WIDTH (floats a register holds) and GROUP_MAX (queries that one pass scores).
//
// A panel holds 32 rows as two halves of 16, value by value. A pass covers two registers of rows, so that each value of
// a query is loaded once for both; the values of the rows are loaded once for all queries of a group.

typedef float NAME(vf) __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef uint32_t NAME(vu) __attribute__((vector_size(WIDTH * 4), aligned(4)));

#define VF NAME(vf)
#define VU NAME(vu)
#define INLINE static inline __attribute__((always_inline)) TARGET
/// Rows that one pass of a kernel covers.
#define STEP (2 * WIDTH)
/// The number of values of each row that a pass takes at a time: they stay in the L1 cache while all groups are scored.
#define VALUES_MAX 384

/// Adds the dot products of STEP rows and `count` queries to scores[j * 32 + row], or sets the scores unless `adds`.
/// `a` and `b` are the columns of the two registers: the next value lies 16 floats further. `ahead` is prefetched
/// unless it is null. `count` is a constant where this is inlined.
INLINE void NAME(floats)(const float *a, const float *b, const char *ahead, const float *queries, size_t values,
                         int count, int adds, float *scores) {
  VF sum[GROUP_MAX][2];
  for (int j = 0; j < count; j++) {
    sum[j][0] = adds ? *(const VF *)(scores + j * 32) : (VF){0};
    sum[j][1] = adds ? *(const VF *)(scores + j * 32 + WIDTH) : (VF){0};
  }
  for (size_t k = 0; k < values; k++) {
    VF x = *(const VF *)(a + k * 16), y = *(const VF *)(b + k * 16);
    if (ahead) {
      __builtin_prefetch(ahead + k * 64, 0, 2);
      if (STEP > 16) __builtin_prefetch(ahead + (b - a) * 4 + k * 64, 0, 2);
    }
    for (int j = 0; j < count; j++) {
      float q = queries[k * count + j];
      sum[j][0] += x * q;
      sum[j][1] += y * q;
    }
  }
  for (int j = 0; j < count; j++) {
    *(VF *)(scores + j * 32) = sum[j][0];
    *(VF *)(scores + j * 32 + WIDTH) = sum[j][1];
  }
}

/// Sets the scores for bf16. A 32-bit word holds two neighbouring values of one row, the first in its lower half.
INLINE void NAME(halves)(const uint32_t *a, const uint32_t *b, const char *ahead, const float *queries,
                         size_t values, int count, float *scores) {
  VF sum[GROUP_MAX][2];
  for (int j = 0; j < count; j++) sum[j][0] = sum[j][1] = (VF){0};
  for (size_t k = 0; k < values; k += 2) {
    VU x = *(const VU *)(a + k * 8), y = *(const VU *)(b + k * 8);
    if (ahead) {
      __builtin_prefetch(ahead + k * 32, 0, 2);
      if (STEP > 16) __builtin_prefetch(ahead + (b - a) * 4 + k * 32, 0, 2);
    }
    VF x0 = (VF)(x << 16), y0 = (VF)(y << 16);
    for (int j = 0; j < count; j++) {
      float q = queries[k * count + j];
      sum[j][0] += x0 * q;
      sum[j][1] += y0 * q;
    }
    VF x1 = (VF)(x & 0xFFFF0000u), y1 = (VF)(y & 0xFFFF0000u);
    for (int j = 0; j < count; j++) {
      float q = queries[(k + 1) * count + j];
      sum[j][0] += x1 * q;
      sum[j][1] += y1 * q;
    }
  }
  for (int j = 0; j < count; j++) {
    *(VF *)(scores + j * 32) = sum[j][0];
    *(VF *)(scores + j * 32 + WIDTH) = sum[j][1];
  }
}

/// Widens one register's column of a bf16 panel to fp32, with 16 floats from one value to the next.
INLINE void NAME(widen)(const uint32_t *column, const char *ahead, size_t values, float *wide) {
  for (size_t k = 0; k < values; k += 2) {
    VU x = *(const VU *)(column + k * 8);
    __builtin_prefetch(ahead + k * 32, 0, 2);
    *(VF *)(wide + k * 16) = (VF)(x << 16);
    *(VF *)(wide + k * 16 + 16) = (VF)(x & 0xFFFF0000u);
  }
}

#define FLOATS(n)                                                                    \
  case n:                                                                            \
    if (adds) {                                                                      \
      NAME(floats)(a, b, ahead, queries, values, n, 1, scores);                      \
    } else if (ahead) {                                                              \
      NAME(floats)(a, b, ahead, queries, values, n, 0, scores);                      \
    } else {                                                                         \
      NAME(floats)(a, b, 0, queries, values, n, 0, scores);                          \
    }                                                                                \
    break;
#define HALVES(n) \
  case n:                                                                            \
    if (ahead) {                                                                     \
      NAME(halves)(a, b, ahead, queries, values, n, scores);                         \
    } else {                                                                         \
      NAME(halves)(a, b, 0, queries, values, n, scores);                             \
    }                                                                                \
    break;
#if GROUP_MAX > 6
#define EACH(kernel) \
  kernel(1) kernel(2) kernel(3) kernel(4) kernel(5) kernel(6) kernel(7) kernel(8) kernel(9) kernel(10) kernel(11) kernel(12)
#else
#define EACH(kernel) kernel(1) kernel(2) kernel(3) kernel(4) kernel(5) kernel(6)
#endif

TARGET static void NAME(float_group)(const float *a, const float *b, const char *ahead, const float *queries,
                                     size_t values, int count, int adds, float *scores) {
  switch (count) { EACH(FLOATS) }
}

TARGET static void NAME(half_group)(const uint32_t *a, const uint32_t *b, const char *ahead, const float *queries,
                                    size_t values, int count, float *scores) {
  switch (count) { EACH(HALVES) }
}

/// Appends the rows whose score is at least their query's threshold. Returns the new number of rows in `out`.
INLINE size_t NAME(collect)(const float *scores, size_t query_count, const float *thresholds, uint32_t first_row,
                            struct millrace_candidate *out, size_t found) {
  for (size_t j = 0; j < query_count; j++) {
    float threshold = thresholds[j];
    const float *s = scores + j * 32;
    VU any = {0};
    for (int r = 0; r < 32; r += WIDTH) any |= (VU)(*(const VF *)(s + r) >= threshold);
    if (!__builtin_reduce_or(any)) continue;
    for (int r = 0; r < 32; r++) {
      if (s[r] >= threshold) out[found++] = (struct millrace_candidate){(uint32_t)j, first_row + r, s[r]};
    }
  }
  return found;
}

TARGET static size_t NAME(scan)(int kind, const void *panels, size_t panel_count, size_t dimension,
                                const float *queries, size_t query_count, const float *thresholds, float *scratch,
                                struct millrace_candidate *out) {
  size_t group_count = (query_count + GROUP_MAX - 1) / GROUP_MAX, found = 0;
  float *scores = scratch + 32 * VALUES_MAX;
  size_t word = kind == MILLRACE_BF16 ? 8 : 16;  // 4-byte words from one value to the next
  for (size_t p = 0; p < panel_count; p++) {
    const uint32_t *panel = (const uint32_t *)panels + p * 2 * word * dimension;
    for (int r = 0; r < 32; r += STEP) {
      const uint32_t *a = panel + r / 16 * word * dimension + r % 16;
      int second = r + WIDTH;
      const uint32_t *b = panel + second / 16 * word * dimension + second % 16;
      // The cache lines of the next pass are prefetched while this pass is scored.
      const char *ahead = (const char *)(a + (STEP < 16 ? 1 : STEP / 16) * word * dimension);
      if (group_count <= 2 && kind == MILLRACE_BF16) {
        size_t half = (query_count + group_count - 1) / group_count;
        NAME(half_group)(a, b, ahead, queries, dimension, (int)half, scores + r);
        if (half < query_count) {
          NAME(half_group)(a, b, 0, queries + half * dimension, dimension, (int)(query_count - half),
                           scores + half * 32 + r);
        }
        continue;
      }
      for (size_t k = 0; k < dimension; k += VALUES_MAX) {
        size_t values = dimension - k < VALUES_MAX ? dimension - k : VALUES_MAX;
        const float *x = (const float *)a + k * 16, *y = (const float *)b + k * 16;
        const char *next = ahead + k * 64;
        if (kind == MILLRACE_BF16) {
          // The rows are widened once for all groups.
          NAME(widen)(a + k * 8, ahead + k * 32, values, scratch);
          NAME(widen)(b + k * 8, (const char *)(b + (ahead - (const char *)a) / 4 + k * 8), values, scratch + 16 * VALUES_MAX);
          x = scratch;
          y = scratch + 16 * VALUES_MAX;
          next = 0;
        }
        size_t first = 0;
        for (size_t g = 0; g < group_count; g++) {
          size_t count = (query_count - first + group_count - g - 1) / (group_count - g);
          NAME(float_group)(x, y, g == 0 ? next : 0, queries + first * dimension + k * count, values, (int)count,
                            k > 0, scores + first * 32 + r);
          first += count;
        }
      }
    }
    found = NAME(collect)(scores, query_count, thresholds, (uint32_t)(p * 32), out, found);
  }
  return found;
}

/// Packs row-major queries in groups of nearly equal size. A group holds value 0 of each of its queries, then value 1.
static void NAME(pack)(const float *queries, size_t query_count, size_t dimension, float *packed) {
  size_t group_count = (query_count + GROUP_MAX - 1) / GROUP_MAX, first = 0;
  for (size_t g = 0; g < group_count; g++) {
    size_t count = (query_count - first + group_count - g - 1) / (group_count - g);
    float *group = packed + first * dimension;
    for (size_t k = 0; k < dimension; k++) {
      for (size_t j = 0; j < count; j++) group[k * count + j] = queries[(first + j) * dimension + k];
    }
    first += count;
  }
}

/// Sixteen sums, added in a fixed order: the same result with every instruction set.
TARGET static float NAME(dot)(const float *a, const float *b, size_t dimension) {
  float lanes[16] __attribute__((aligned(64)));
  VF sum[16 / WIDTH];
  size_t k = 0;
  for (int i = 0; i < 16 / WIDTH; i++) sum[i] = (VF){0};
  for (; k + 16 <= dimension; k += 16) {
    for (int i = 0; i < 16 / WIDTH; i++) {
      sum[i] = __builtin_elementwise_fma(*(const VF *)(a + k + i * WIDTH), *(const VF *)(b + k + i * WIDTH), sum[i]);
    }
  }
  for (int i = 0; i < 16 / WIDTH; i++) *(VF *)(lanes + i * WIDTH) = sum[i];
  for (size_t i = 0; k < dimension; k++, i++) lanes[i] = __builtin_fmaf(a[k], b[k], lanes[i]);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

#undef VF
#undef VU
#undef INLINE
#undef STEP
#undef VALUES_MAX
#undef FLOATS
#undef HALVES
#undef EACH
