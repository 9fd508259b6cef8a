// The kernels of one instruction set, included once by each encoder_<set>.c, which defines NAME, TARGET, WIDTH (floats
// a register holds), ROWS_MAX (rows of a tile), INT8_BYTES and INT8_OFFSET (the size of a row's int8 value, and what is
// added to it), and the operations NAME(multiply_fp32), NAME(multiply_bf16), NAME(multiply_int8) and NAME(store_bf16).
//
// A word is 32 bits of one row: one value of fp32, two of bf16, four of int8 (two where INT8_BYTES is 2). A panel holds
// PANEL outputs of a matrix word by word: two registers, which a tile loads once for all of its rows. So a tile of 14
// rows does 28 multiplications for 16 loads, and runs at the rate of the multipliers.

#define PANEL (2 * WIDTH)
// How many words ahead a panel is prefetched. For a single query all weights come from the L3 cache or from memory, and
// prefetching saves a fifth of the time (measured: 16 words ahead save nothing, 64 to 256 all save the same). A batch
// gains nothing.
#define AHEAD 128
/// Bytes of a cache line.
#define LINE 64
/// Prefetch distance of attention, in rows. The keys and values of neighbouring tokens lie a row of query, key and value
/// apart, too far for the processor's own prefetching. In fp32 this saves 2 % of a batch's time. Rows of bf16 are half as
/// long and gain nothing.
#define ROWS_AHEAD 24
#define F NAME(floats)
#define I NAME(ints)
#define U NAME(words)

/// Computes out[row * PANEL + output] for `count` rows. `count` is a constant where this is inlined.
#define TILE_FUNCTION(class, SUM, multiply)                                                                      \
  KERNEL void NAME(class##_tile)(const uint32_t *a, size_t stride, const uint32_t *panel, size_t words,          \
                                 const int count, SUM *out) {                                                    \
    const uint32_t *rows[ROWS_MAX];                                                                              \
    SUM first[ROWS_MAX], second[ROWS_MAX];                                                                       \
    for (int row = 0; row < count; row++) {                                                                      \
      rows[row] = a + (size_t)row * stride;                                                                      \
      first[row] = second[row] = (SUM){0};                                                                       \
    }                                                                                                            \
    for (size_t k = 0; k < words; k++) {                                                                         \
      U x = *(const U *)(panel + k * PANEL), y = *(const U *)(panel + k * PANEL + WIDTH);                        \
      __builtin_prefetch(panel + (k + AHEAD) * PANEL, 0, 3);                                                     \
      if (PANEL * 4 > LINE) __builtin_prefetch(panel + (k + AHEAD) * PANEL + WIDTH, 0, 3);                       \
      _Pragma("clang loop unroll(full)") for (int row = 0; row < count; row++) {                                 \
        U word = (U){0} + rows[row][k];                                                                          \
        first[row] = multiply(first[row], word, x);                                                              \
        second[row] = multiply(second[row], word, y);                                                            \
      }                                                                                                          \
    }                                                                                                            \
    for (int row = 0; row < count; row++) {                                                                      \
      out[2 * row] = first[row];                                                                                 \
      out[2 * row + 1] = second[row];                                                                            \
    }                                                                                                            \
  }                                                                                                              \
  TARGET static __attribute__((noinline)) void NAME(class##_product)(                                            \
      const uint32_t *a, size_t stride, const uint32_t *panel, size_t words, int count, SUM *out) {              \
    switch (count) { EACH_COUNT(class) }                                                                         \
  }
#define ONE_COUNT(class, n) \
  case n: NAME(class##_tile)(a, stride, panel, words, n, out); break;
#if ROWS_MAX == 14
#define EACH_COUNT(class)                                                                                        \
  ONE_COUNT(class, 1) ONE_COUNT(class, 2) ONE_COUNT(class, 3) ONE_COUNT(class, 4) ONE_COUNT(class, 5)            \
  ONE_COUNT(class, 6) ONE_COUNT(class, 7) ONE_COUNT(class, 8) ONE_COUNT(class, 9) ONE_COUNT(class, 10)           \
  ONE_COUNT(class, 11) ONE_COUNT(class, 12) ONE_COUNT(class, 13) ONE_COUNT(class, 14)
#else
#define EACH_COUNT(class)                                                                                        \
  ONE_COUNT(class, 1) ONE_COUNT(class, 2) ONE_COUNT(class, 3) ONE_COUNT(class, 4) ONE_COUNT(class, 5)            \
  ONE_COUNT(class, 6)
#endif

TILE_FUNCTION(fp32, F, NAME(multiply_fp32))
TILE_FUNCTION(bf16, F, NAME(multiply_bf16))
TILE_FUNCTION(int8, I, NAME(multiply_int8))

// Element-wise parts.

/// exp(x) for x <= 0: 2^n times a polynomial for 2^f with f in [-0.5, 0.5]. The relative error is below 3e-7.
KERNEL F NAME(exponential)(F x) {
  x = __builtin_elementwise_max(x, (F){0} - 86.0f);
  F t = x * 1.44269504089f;
  F n = __builtin_elementwise_roundeven(t);
  F f = t - n;
  F p = (F){0} + 1.54035304e-4f;
  p = p * f + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.0f;
  return (F)((I)p + (__builtin_convertvector(n, I) << 23));
}

/// x times the normal distribution function of x, by a polynomial in x² for |x| <= 4.5. The absolute error is below
/// 7e-5, a twentieth of the rounding error of bf16 at 1. The class fp32 uses `gelu_exact`.
KERNEL F NAME(gelu_fast)(F x) {
  F c = __builtin_elementwise_min(__builtin_elementwise_max(x, (F){0} - 4.5f), (F){0} + 4.5f);
  F s = c * c;
  F p = (F){0} + gelu_coefficients[0];
  for (int i = 1; i < GELU_TERMS; i++) p = p * s + gelu_coefficients[i];
  return x * (p * c + 0.5f);
}

/// erf by Abramowitz and Stegun 7.1.26: its absolute error of 1.5e-7 is no larger than the rounding of the sum.
KERNEL F NAME(gelu_exact)(F x) {
  F z = x * 0.70710678118654752f;
  F a = __builtin_elementwise_abs(z);
  F t = 1.0f / (1.0f + 0.3275911f * a);
  F p = (F){0} + 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  F e = 1.0f - p * t * NAME(exponential)(-(a * a));
  F erf = (F)((U)e | ((U)z & 0x80000000u));
  return 0.5f * x * (1.0f + erf);
}

KERNEL float NAME(sum_of)(F x) {
  float sum = 0;
  for (int lane = 0; lane < WIDTH; lane++) sum += x[lane];
  return sum;
}

KERNEL float NAME(greatest_of)(F x) {
  float greatest = x[0];
  for (int lane = 1; lane < WIDTH; lane++) greatest = x[lane] > greatest ? x[lane] : greatest;
  return greatest;
}

/// Loads two registers of a row, from fp32 or bf16.
KERNEL void NAME(load_pair)(const void *row, size_t at, int is_bf16, F *x, F *y) {
  if (is_bf16) {
    const uint16_t *values = (const uint16_t *)row + at;
    *x = (F)(__builtin_convertvector(*(const NAME(halves) *)values, U) << 16);
    *y = (F)(__builtin_convertvector(*(const NAME(halves) *)(values + WIDTH), U) << 16);
  } else {
    *x = *(const F *)((const float *)row + at);
    *y = *(const F *)((const float *)row + at + WIDTH);
  }
}

KERNEL void NAME(store_pair)(void *row, size_t at, int is_bf16, F x, F y) {
  if (is_bf16) {
    NAME(store_bf16)((uint16_t *)row + at, x, y);
  } else {
    *(F *)((float *)row + at) = x;
    *(F *)((float *)row + at + WIDTH) = y;
  }
}

/// Rounds rows to int8, each row with its scale. Stores unsigned bytes with 128 added, or 16-bit integers.
TARGET static void NAME(quantise)(const void *values, int is_bf16, size_t rows, size_t columns, void *out,
                                  float *scales) {
  for (size_t r = 0; r < rows; r++) {
    const void *row = (const char *)values + r * columns * (is_bf16 ? 2 : 4);
    F top = {0};
    for (size_t i = 0; i < columns; i += PANEL) {
      F x, y;
      NAME(load_pair)(row, i, is_bf16, &x, &y);
      top = __builtin_elementwise_max(top, __builtin_elementwise_max(__builtin_elementwise_abs(x), __builtin_elementwise_abs(y)));
    }
    float greatest = NAME(greatest_of)(top);
    // A row of only zeros and NaN, or one with an infinite value, becomes zeros.
    int isUsable = greatest > 0 && greatest < INFINITY;
    scales[r] = isUsable ? greatest / 127 : 0;
    float factor = isUsable ? 127 / greatest : 0;
    for (size_t i = 0; i < columns; i += PANEL) {
      F x, y;
      NAME(load_pair)(row, i, is_bf16, &x, &y);
      I p = __builtin_convertvector(__builtin_elementwise_roundeven(isUsable ? x * factor : (F){0}), I) + INT8_OFFSET;
      I q = __builtin_convertvector(__builtin_elementwise_roundeven(isUsable ? y * factor : (F){0}), I) + INT8_OFFSET;
      NAME(int8_operands) *to = (NAME(int8_operands) *)((char *)out + (r * columns + i) * INT8_BYTES);
      to[0] = __builtin_convertvector(p, NAME(int8_operands));
      to[1] = __builtin_convertvector(q, NAME(int8_operands));
    }
  }
}

/// values = norm(values) * gamma + beta. `out` receives the same as operands of bf16 or int8, and nothing for fp32.
TARGET static void NAME(norm)(float *values, size_t rows, size_t columns, const float *gamma, const float *beta,
                              float epsilon, int numeric_class, void *out, float *scales) {
  for (size_t r = 0; r < rows; r++) {
    float *row = values + r * columns;
    F sum = {0};
    for (size_t i = 0; i < columns; i += WIDTH) sum += *(const F *)(row + i);
    float mean = NAME(sum_of)(sum) / (float)columns;
    F squares = {0};
    for (size_t i = 0; i < columns; i += WIDTH) {
      F d = *(const F *)(row + i) - mean;
      squares += d * d;
    }
    float inverse = 1.0f / __builtin_sqrtf(NAME(sum_of)(squares) / (float)columns + epsilon);
    for (size_t i = 0; i < columns; i += PANEL) {
      F x = (*(const F *)(row + i) - mean) * inverse * *(const F *)(gamma + i) + *(const F *)(beta + i);
      F y = (*(const F *)(row + i + WIDTH) - mean) * inverse * *(const F *)(gamma + i + WIDTH) +
            *(const F *)(beta + i + WIDTH);
      *(F *)(row + i) = x;
      *(F *)(row + i + WIDTH) = y;
      if (numeric_class == MILLRACE_CLASS_BF16) NAME(store_bf16)((uint16_t *)out + r * columns + i, x, y);
    }
  }
  if (numeric_class == MILLRACE_CLASS_INT8) NAME(quantise)(values, 0, rows, columns, out, scales);
}

/// Computes one linear layer over some rows, and then what `follow` says.
TARGET static void NAME(linear)(const struct millrace_linear *linear, const void *input, const float *scales,
                                size_t rows, size_t first, size_t last, enum follow follow, int is_bf16, void *out,
                                size_t stride) {
  F sums[2 * ROWS_MAX];
  I integers[2 * ROWS_MAX];
  size_t words = linear->words, row_bytes = stride * (is_bf16 ? 2 : 4);
  for (size_t output = first; output < last; output += PANEL) {
    const uint32_t *panel = linear->panels + output * words;
    F bias[2], weight_scales[2];
    I shifts[2];
    for (int half = 0; half < 2; half++) {
      bias[half] = *(const F *)(linear->bias + output + half * WIDTH);
      weight_scales[half] = *(const F *)(linear->scales + output + half * WIDTH);
      shifts[half] = *(const I *)(linear->shifts + output + half * WIDTH);
    }
    size_t tiles = (rows + ROWS_MAX - 1) / ROWS_MAX;
    for (size_t tile = 0, row = 0; tile < tiles; tile++) {
      // Tiles of nearly equal heights.
      int count = (int)((rows - row + tiles - tile - 1) / (tiles - tile));
      const uint32_t *a = (const uint32_t *)input + row * words;
      // The results of a tile go to as many rows, whose lines are fetched during the product: 4 % of a batch with AVX2.
      for (int j = 0; j < count; j++) {
        const char *to = (const char *)out + (row + (size_t)j) * row_bytes + output * (row_bytes / stride);
        for (size_t i = 0; i < PANEL * (row_bytes / stride); i += LINE) __builtin_prefetch(to + i, 1, 3);
      }
      switch (linear->numeric_class) {
        case MILLRACE_CLASS_FP32: NAME(fp32_product)(a, words, panel, words, count, sums); break;
        case MILLRACE_CLASS_BF16: NAME(bf16_product)(a, words, panel, words, count, sums); break;
        default:
          NAME(int8_product)(a, words, panel, words, count, integers);
          for (int j = 0; j < 2 * count; j++) {
            F value = __builtin_convertvector(integers[j] - shifts[j % 2], F);
            sums[j] = value * scales[row + (size_t)j / 2] * weight_scales[j % 2];
          }
      }
      for (int j = 0; j < count; j++) {
        F x = sums[2 * j] + bias[0], y = sums[2 * j + 1] + bias[1];
        if (follow == FOLLOW_GELU) {
          int isExact = linear->numeric_class == MILLRACE_CLASS_FP32;
          x = isExact ? NAME(gelu_exact)(x) : NAME(gelu_fast)(x);
          y = isExact ? NAME(gelu_exact)(y) : NAME(gelu_fast)(y);
        }
        char *to = (char *)out + (row + (size_t)j) * row_bytes;
        if (follow == FOLLOW_ADD) {
          float *values = (float *)to + output;
          *(F *)values += x;
          *(F *)(values + WIDTH) += y;
        } else {
          NAME(store_pair)(to, output, is_bf16, x, y);
        }
      }
      row += (size_t)count;
    }
  }
}

/// Attention of one sequence. `projected` holds query, key and value of a row beside each other.
TARGET static void NAME(attend)(const void *projected, int is_bf16, size_t length, size_t width, size_t head_width,
                                size_t first, size_t last, void *context, uint32_t *scratch) {
  size_t words = is_bf16 ? head_width / 2 : head_width, stride = is_bf16 ? 3 * width / 2 : 3 * width;
  size_t panels = (length + PANEL - 1) / PANEL, padded = panels * PANEL;
  size_t value_words = is_bf16 ? padded / 2 : padded, value_panels = head_width / PANEL;
  uint32_t *keys = scratch, *values = keys + panels * words * PANEL;
  F *scores = (F *)(values + value_words * head_width);
  uint32_t *shares = (uint32_t *)(scores + panels * 2 * ROWS_MAX);
  F sums[2 * ROWS_MAX];
  float inverse[ROWS_MAX];
  // Softmax to the base 2 would save a multiplication, but round once more.
  float scale = 1.0f / __builtin_sqrtf((float)head_width);
  I lanes;
  for (int lane = 0; lane < WIDTH; lane++) lanes[lane] = lane;
  for (size_t head = first; head < last; head++) {
    const uint32_t *query = (const uint32_t *)projected + head * words;
    const uint32_t *key = query + width / head_width * words, *value = key + width / head_width * words;
    for (size_t panel = 0; panel < panels; panel++) {
      for (size_t lane = 0; lane < PANEL; lane++) {
        uint32_t *to = keys + panel * words * PANEL + lane;
        const uint32_t *from = key + (panel * PANEL + lane) * stride;
        int isThere = panel * PANEL + lane < length;
        for (size_t k = 0; !is_bf16 && k < words; k += LINE / 4) {
          __builtin_prefetch(from + ROWS_AHEAD * stride + k, 0, 3);
        }
        for (size_t k = 0; k < words; k++) to[k * PANEL] = isThere ? from[k] : 0;
      }
    }
    for (size_t part = 0; part < value_panels; part++) {
      for (size_t k = 0; k < value_words; k++) {
        uint32_t *to = values + (part * value_words + k) * PANEL;
        for (size_t i = 0; !is_bf16 && part == 0 && i < words; i += LINE / 4) {
          __builtin_prefetch(value + (k + ROWS_AHEAD) * stride + i, 0, 3);
        }
        if (is_bf16) {
          const uint16_t *even = (const uint16_t *)(value + 2 * k * stride) + part * PANEL;
          const uint16_t *odd = (const uint16_t *)(value + (2 * k + 1) * stride) + part * PANEL;
          int hasEven = 2 * k < length, hasOdd = 2 * k + 1 < length;
          for (size_t i = 0; i < PANEL; i++) {
            to[i] = (hasEven ? even[i] : 0) | (hasOdd ? (uint32_t)odd[i] << 16 : 0);
          }
        } else if (k < length) {
          memcpy(to, value + k * stride + part * PANEL, PANEL * 4);
        } else {
          memset(to, 0, PANEL * 4);
        }
      }
    }
    size_t tiles = (length + ROWS_MAX - 1) / ROWS_MAX;
    for (size_t tile = 0, row = 0; tile < tiles; tile++) {
      int count = (int)((length - row + tiles - tile - 1) / (tiles - tile));
      for (size_t panel = 0; panel < panels; panel++) {
        const uint32_t *a = query + row * stride, *b = keys + panel * words * PANEL;
        F *out = scores + panel * 2 * ROWS_MAX;
        if (is_bf16) {
          NAME(bf16_product)(a, stride, b, words, count, out);
        } else {
          NAME(fp32_product)(a, stride, b, words, count, out);
        }
      }
      for (int j = 0; j < count; j++) {
        // The last registers may hold scores of keys beyond the end of the sequence.
        F top = (F){0} - INFINITY;
        for (size_t register_ = 0; register_ < 2 * panels; register_++) {
          F *x = scores + register_ / 2 * 2 * ROWS_MAX + 2 * j + register_ % 2;
          I isThere = lanes < (int)length - (int)(register_ * WIDTH);
          *x = (F)(((I)*x & isThere) | ((I)((F){0} - INFINITY) & ~isThere));
          top = __builtin_elementwise_max(top, *x);
        }
        float greatest = NAME(greatest_of)(top);
        F sum = {0};
        void *share = shares + (size_t)j * value_words;
        for (size_t panel = 0; panel < panels; panel++) {
          F *x = scores + panel * 2 * ROWS_MAX + 2 * j;
          F p = NAME(exponential)((x[0] - greatest) * scale), q = NAME(exponential)((x[1] - greatest) * scale);
          // Keys beyond the end are masked again, because `exponential` is above zero even for -infinity.
          I hasFirst = lanes < (int)length - (int)(panel * PANEL), hasSecond = lanes < (int)length - (int)(panel * PANEL + WIDTH);
          p = (F)((I)p & hasFirst);
          q = (F)((I)q & hasSecond);
          sum += p + q;
          NAME(store_pair)(share, panel * PANEL, is_bf16, p, q);
        }
        inverse[j] = 1.0f / NAME(sum_of)(sum);
      }
      for (size_t part = 0; part < value_panels; part++) {
        const uint32_t *b = values + part * value_words * PANEL;
        if (is_bf16) {
          NAME(bf16_product)(shares, value_words, b, value_words, count, sums);
        } else {
          NAME(fp32_product)(shares, value_words, b, value_words, count, sums);
        }
        for (int j = 0; j < count; j++) {
          char *to = (char *)context + (row + (size_t)j) * width * (is_bf16 ? 2 : 4);
          NAME(store_pair)(to, head * head_width + part * PANEL, is_bf16, sums[2 * j] * inverse[j],
                           sums[2 * j + 1] * inverse[j]);
        }
      }
      row += (size_t)count;
    }
  }
}
