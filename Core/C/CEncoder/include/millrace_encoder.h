#pragma once
#include <stddef.h>
#include <stdint.h>

// The forward pass of a BERT encoder in three numeric classes. All matrices are row-major. A model is packed for
// one instruction set.

/// The type of the operands of products. Products are summed in fp32 (fp32, bf16) or in 32-bit integers (int8).
/// Softmax, GELU, norms and residual sums are computed in fp32.
enum millrace_class {
  MILLRACE_CLASS_FP32 = 0,
  /// Weights and activations are bf16.
  MILLRACE_CLASS_BF16 = 1,
  /// Weights are int8 with a scale per output, activations are int8 with a scale per row. Attention uses bf16 if the
  /// processor multiplies bf16, else fp32.
  MILLRACE_CLASS_INT8 = 2,
};

enum millrace_encoder_set {
  /// Kernels for registers of 128 bits, without special instructions: for tests and processors without AVX2.
  MILLRACE_SET_PORTABLE = 0,
  MILLRACE_SET_AVX2 = 1,
  /// Needs AVX512-BF16 and AVX512-VNNI too, because no AVX-512 processor without them was available for tests.
  MILLRACE_SET_AVX512 = 2,
};

/// The sizes of a model. `width`, `head_width` and `inner` are multiples of 32.
struct millrace_encoder_shape {
  size_t width;
  size_t head_width;
  size_t inner;
  size_t layers;
  float epsilon;
};

/// Whether this processor has the instruction set.
int millrace_encoder_has(int set);
/// Whether this processor has the set, and the set has kernels for the class. Otherwise `millrace_model_create` returns
/// NULL.
int millrace_class_is_supported(int set, int numeric_class);
struct millrace_model;
struct millrace_scratch;

/// The fp32 weights of a layer, as stored: matrices are output × input. They are copied.
struct millrace_layer {
  const float *query, *query_bias, *key, *key_bias, *value, *value_bias;
  const float *attention_output, *attention_output_bias, *attention_gamma, *attention_beta;
  const float *intermediate, *intermediate_bias, *output, *output_bias, *output_gamma, *output_beta;
};

/// Creates an encoder without layers. `words` (row-major, one row per token ID) is not copied and must outlive the
/// model; the other arrays are copied. Returns NULL when the class is not supported or memory is short.
struct millrace_model *millrace_model_create(int set, int numeric_class, struct millrace_encoder_shape shape, const float *words,
                                             size_t word_count, const float *positions, size_t position_count,
                                             const float *type, const float *gamma, const float *beta);
/// Packs and adds the next layer. Returns 0 when memory is short or the model already has all its layers, else 1.
int millrace_model_add(struct millrace_model *model, const struct millrace_layer *layer);
void millrace_model_free(struct millrace_model *model);
/// The bytes of all packed matrices and of the position embeddings.
size_t millrace_model_bytes(const struct millrace_model *model);

/// Creates memory for packs (the sequences of one call) of up to `tokens_max` tokens, in sequences of up to
/// `length_max`, and `threads` - 1 threads, which work beside the calling thread. Only one caller may use it at a time.
/// Returns NULL when memory is short or a thread can't be started.
struct millrace_scratch *millrace_scratch_create(const struct millrace_model *model, size_t tokens_max,
                                                 size_t length_max, size_t threads);
void millrace_scratch_free(struct millrace_scratch *scratch);
size_t millrace_scratch_bytes(const struct millrace_scratch *scratch);

/// Encodes sequences. Their token IDs lie one after another in `ids` and must fit the scratch memory. `out` receives a
/// row of unit length for each sequence: the mean over its tokens. An ID outside the vocabulary counts as the nearest
/// ID in it.
void millrace_encode(const struct millrace_model *model, struct millrace_scratch *scratch, const int32_t *ids,
                     const size_t *lengths, size_t count, float *out);

// For tests: the kernels one by one. `out` is fp32. They return 0 when memory is short.

/// out = rows × weightsᵀ + bias, followed by GELU if `is_gelu`. `outputs` and `inputs` are multiples of 32.
int millrace_test_linear(int set, int numeric_class, const float *weights, const float *bias, size_t outputs, size_t inputs,
                         const float *rows, size_t count, int is_gelu, float *out);
/// Attention of one sequence; a row of `projected` holds query, key and value.
int millrace_test_attention(int set, int is_bf16, const float *projected, size_t length, size_t width, size_t head_width,
                            float *out);
void millrace_test_norm(int set, float *values, size_t rows, size_t columns, const float *gamma, const float *beta,
                        float epsilon);
