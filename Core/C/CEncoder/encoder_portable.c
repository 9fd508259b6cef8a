// Registers of 128 bits, and loops over their lanes: for tests, and processors without AVX2.
#include "encoder_common.h"

#pragma clang fp contract(off)
#define NAME(x) portable_##x
#define TARGET
#define WIDTH 4
#define ROWS_MAX 6
#define INT8_BYTES 1
#define INT8_OFFSET 128

#include "encoder_vectors.h"

KERNEL portable_floats portable_multiply_fp32(portable_floats sum, portable_words a, portable_words b) {
  return sum + (portable_floats)a * (portable_floats)b;
}
KERNEL portable_floats portable_multiply_bf16(portable_floats sum, portable_words a, portable_words b) {
  sum += (portable_floats)(a << 16) * (portable_floats)(b << 16);
  return sum + (portable_floats)(a & 0xFFFF0000u) * (portable_floats)(b & 0xFFFF0000u);
}
KERNEL portable_ints portable_multiply_int8(portable_ints sum, portable_words a, portable_words b) {
  for (int lane = 0; lane < WIDTH; lane++) {
    for (int byte = 0; byte < 4; byte++) {
      sum[lane] += (int32_t)(a[lane] >> 8 * byte & 0xFF) * (int8_t)(b[lane] >> 8 * byte & 0xFF);
    }
  }
  return sum;
}
KERNEL void portable_store_bf16(uint16_t *out, portable_floats x, portable_floats y) {
  for (int lane = 0; lane < WIDTH; lane++) {
    uint32_t a = ((portable_words)x)[lane], b = ((portable_words)y)[lane];
    out[lane] = (uint16_t)((a + 0x7FFF + (a >> 16 & 1)) >> 16);
    out[lane + WIDTH] = (uint16_t)((b + 0x7FFF + (b >> 16 & 1)) >> 16);
  }
}

#include "encoder_kernels.h"

const struct kernels millrace_kernels_portable = {
    "portable", PANEL, INT8_BYTES, 0, portable_linear, portable_attend, portable_norm, portable_quantise,
};
