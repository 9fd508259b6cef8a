// Registers of 256 bits.
#if defined(__x86_64__)
#include "encoder_common.h"
#include <immintrin.h>

#pragma clang fp contract(fast)
#define NAME(x) avx2_##x
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define ROWS_MAX 6
#define INT8_BYTES 2
#define INT8_OFFSET 0

#include "encoder_vectors.h"

KERNEL avx2_floats avx2_multiply_fp32(avx2_floats sum, avx2_words a, avx2_words b) {
  return (avx2_floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
}
/// Only for tests: with AVX2, models of class bf16 are not supported.
KERNEL avx2_floats avx2_multiply_bf16(avx2_floats sum, avx2_words a, avx2_words b) {
  sum += (avx2_floats)(a << 16) * (avx2_floats)(b << 16);
  return sum + (avx2_floats)(a & 0xFFFF0000u) * (avx2_floats)(b & 0xFFFF0000u);
}
/// AVX2's instruction for bytes adds two products in 16 bits, where the sum may saturate. Its instruction for pairs of
/// 16-bit integers does as many products a second and is exact, so that the sums are the same as with AVX-512.
KERNEL avx2_ints avx2_multiply_int8(avx2_ints sum, avx2_words a, avx2_words b) {
  return sum + (avx2_ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
KERNEL void avx2_store_bf16(uint16_t *out, avx2_floats x, avx2_floats y) {
  avx2_words a = (avx2_words)x, b = (avx2_words)y;
  a += 0x7FFF + (a >> 16 & 1);
  b += 0x7FFF + (b >> 16 & 1);
  *(avx2_halves *)out = __builtin_convertvector(a >> 16, avx2_halves);
  *(avx2_halves *)(out + 8) = __builtin_convertvector(b >> 16, avx2_halves);
}

#include "encoder_kernels.h"

const struct kernels millrace_kernels_avx2 = {
    "avx2", PANEL, INT8_BYTES, 0, avx2_linear, avx2_attend, avx2_norm, avx2_quantise,
};
#endif
