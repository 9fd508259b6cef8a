#pragma once
#include "millrace_encoder.h"
#include <math.h>
#include <string.h>

/// A linear layer, packed for one instruction set.
struct millrace_linear {
  int numeric_class;
  size_t outputs;
  size_t inputs;
  /// The number of 32-bit words of a row.
  size_t words;
  uint32_t *panels;
  float *bias;
  /// For int8: the scale of each output, and 128 times the sum of its weights. The latter is subtracted from a product,
  /// because rows are unsigned bytes with 128 added. It is 0 where rows are 16-bit integers.
  float *scales;
  int32_t *shifts;
};

/// What is done with the results of a linear layer.
enum follow { FOLLOW_NOTHING, FOLLOW_GELU, FOLLOW_ADD };

/// The kernels of one instruction set.
struct kernels {
  const char *name;
  /// The number of outputs in a panel.
  size_t panel;
  /// Bytes that a value of int8 takes as an operand: 1, or 2 where the processor has no exact product of bytes.
  size_t int8_bytes;
  /// Whether the kernels use the processor's own products of bf16.
  int has_bf16;
  /// Computes the outputs from `first` to before `last`. Both are multiples of `panel`.
  void (*linear)(const struct millrace_linear *, const void *input, const float *scales, size_t rows, size_t first,
                 size_t last, enum follow, int is_bf16, void *out, size_t stride);
  /// Computes the heads from `first` to before `last`.
  void (*attend)(const void *projected, int is_bf16, size_t length, size_t width, size_t head_width, size_t first,
                 size_t last, void *context, uint32_t *scratch);
  void (*norm)(float *values, size_t rows, size_t columns, const float *gamma, const float *beta, float epsilon,
               int numeric_class, void *out, float *scales);
  void (*quantise)(const void *values, int is_bf16, size_t rows, size_t columns, void *out, float *scales);
};

extern const struct kernels millrace_kernels_portable;
#if defined(__x86_64__)
extern const struct kernels millrace_kernels_avx2;
extern const struct kernels millrace_kernels_avx512;
#endif

// Phi(x) - 1/2 = x P(x²) for |x| <= 4.5, highest power first: a Chebyshev fit, weighted by x.
enum { GELU_TERMS = 12 };
static const float gelu_coefficients[GELU_TERMS] = {
    -2.726587464e-15f, 3.872185547e-13f, -2.514067800e-11f, 9.968966954e-10f,
    -2.730324378e-08f, 5.556080898e-07f, -8.829972675e-06f, 1.131317149e-04f,
    -1.181886696e-03f, 9.966254433e-03f, -6.648578750e-02f, 3.989414184e-01f,
};
