#pragma once
#include <stddef.h>
#include <stdint.h>

// The forward pass of a BERT encoder in three numeric classes. All matrices are row-major. A model is packed for
// one instruction set.

/// How the operands of products are held. Sums are in fp32 (fp32, bf16) or in 32-bit integers (int8); everything between
/// products is in fp32.
enum millrace_class {
  MILLRACE_CLASS_FP32 = 0,
  /// Weights and activations are bf16.
  MILLRACE_CLASS_BF16 = 1,
  /// Weights are int8 with a scale an output, activations int8 with a scale a row. Attention is in bf16 where the
  /// processor multiplies that, else in fp32; all sums between products are in fp32.
  MILLRACE_CLASS_INT8 = 2,
};

enum millrace_encoder_set {
  /// Scalar twins of all kernels, for tests and processors without AVX2.
  MILLRACE_SET_PORTABLE = 0,
  MILLRACE_SET_AVX2 = 1,
  /// With AVX512-BF16 and AVX512-VNNI: no other AVX-512 processor was at hand.
  MILLRACE_SET_AVX512 = 2,
};

/// What the model is made of. Widths are multiples of 32, `head_width` too.
struct millrace_encoder_shape {
  size_t width;
  size_t head_width;
  size_t inner;
  size_t layers;
  float epsilon;
};

/// Whether this processor has the instruction set.
int millrace_encoder_has(int set);
/// Whether the set has kernels for the class. `millrace_model_create` refuses others.
int millrace_class_is_supported(int set, int numeric_class);
struct millrace_model;
struct millrace_scratch;

/// The fp32 weights of a layer, as stored: matrices are output × input. They are copied.
struct millrace_layer {
  const float *query, *query_bias, *key, *key_bias, *value, *value_bias;
  const float *attention_output, *attention_output_bias, *attention_gamma, *attention_beta;
  const float *intermediate, *intermediate_bias, *output, *output_bias, *output_gamma, *output_beta;
};

/// An encoder without layers. `words` (row-major, one row a token id) is not copied and must stay; the others are.
/// Null when the class is not supported, or there is no memory.
struct millrace_model *millrace_model_create(int set, int numeric_class, struct millrace_encoder_shape shape, const float *words,
                                             size_t word_count, const float *positions, size_t position_count,
                                             const float *type, const float *gamma, const float *beta);
/// Packs the next layer. 0 when there is no memory, or all layers are there.
int millrace_model_add(struct millrace_model *model, const struct millrace_layer *layer);
void millrace_model_free(struct millrace_model *model);
/// The bytes of all packed weights.
size_t millrace_model_bytes(const struct millrace_model *model);

/// Memory for packs of up to `tokens_max` tokens, of sequences of up to `length_max`, and `threads` - 1 threads, which work
/// beside the one that encodes. One caller uses it at a time. Null when there is no memory or no thread.
struct millrace_scratch *millrace_scratch_create(const struct millrace_model *model, size_t tokens_max,
                                                 size_t length_max, size_t threads);
void millrace_scratch_free(struct millrace_scratch *scratch);
size_t millrace_scratch_bytes(const struct millrace_scratch *scratch);

/// `out` receives a row of unit length for each sequence: the mean over its tokens. Ids that are not of the vocabulary count
/// as the nearest that is. The sequences lie one after another, and fit the scratch memory.
void millrace_encode(const struct millrace_model *model, struct millrace_scratch *scratch, const int32_t *ids,
                     const size_t *lengths, size_t count, float *out);

// For tests: the kernels one by one. `out` is fp32. 0 when there is no memory.

/// out = rows × weightsᵀ + bias, in fp32 form GELU is applied where it is set. `outputs` and `inputs` are multiples of 32.
int millrace_test_linear(int set, int numeric_class, const float *weights, const float *bias, size_t outputs, size_t inputs,
                         const float *rows, size_t count, int is_gelu, float *out);
/// Attention of one sequence; a row of `projected` holds query, key and value.
int millrace_test_attention(int set, int is_bf16, const float *projected, size_t length, size_t width, size_t head_width,
                            float *out);
void millrace_test_norm(int set, float *values, size_t rows, size_t columns, const float *gamma, const float *beta,
                        float epsilon);
