// Registers of 512 bits. Products of bf16 and int8 need AVX512-BF16 and AVX512-VNNI: `has_avx512` in encoder.c checks
// that the processor has them.
#if defined(__x86_64__)
#include "encoder_common.h"
#include <immintrin.h>

#pragma clang fp contract(fast)
#define NAME(x) avx512_##x
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni")))
#define WIDTH 16
#define ROWS_MAX 14
#define INT8_BYTES 1
#define INT8_OFFSET 128

#include "encoder_vectors.h"

KERNEL avx512_floats avx512_multiply_fp32(avx512_floats sum, avx512_words a, avx512_words b) {
  return (avx512_floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
}
KERNEL avx512_floats avx512_multiply_bf16(avx512_floats sum, avx512_words a, avx512_words b) {
  return (avx512_floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
KERNEL avx512_ints avx512_multiply_int8(avx512_ints sum, avx512_words a, avx512_words b) {
  return (avx512_ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
}
KERNEL void avx512_store_bf16(uint16_t *out, avx512_floats x, avx512_floats y) {
  _mm512_storeu_si512(out, (__m512i)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x));
}

#include "encoder_kernels.h"

const struct kernels millrace_kernels_avx512 = {
    "avx512", PANEL, INT8_BYTES, 1, avx512_linear, avx512_attend, avx512_norm, avx512_quantise,
};
#endif
