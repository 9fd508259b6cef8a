#pragma once
#include <stddef.h>
#include <stdint.h>

// The encoder's kernels. The instruction set is chosen when the library is loaded.

/// The instruction set that the dispatched kernels use: "avx512", "avx2" or "portable".
const char *millrace_instruction_set(void);

/// Non-zero when the processor has the instructions that OpenBLAS's SkylakeX kernels need.
int millrace_has_avx512(void);

/// values[i] = gelu(values[i] + bias[column]), the exact form x/2 (1 + erf(x / sqrt 2)); row-major.
void millrace_bias_gelu(float *values, const float *bias, size_t row_count, size_t column_count);

/// values[i] += bias[column]; row-major.
void millrace_bias(float *values, const float *bias, size_t row_count, size_t column_count);

/// values = layer_norm(values + bias + residual) * gamma + beta, per row; bias may be null.
void millrace_residual_layer_norm(float *values, const float *bias, const float *residual, const float *gamma,
                                  const float *beta, float epsilon, size_t row_count, size_t column_count);

/// Each row becomes softmax(row * scale); row r starts at values[r * stride].
void millrace_softmax(float *values, float scale, size_t row_count, size_t column_count, size_t stride);

/// Scalar GELU, for tests.
float millrace_gelu_reference(float x);
