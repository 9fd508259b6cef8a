#include "millrace_postings.h"
#include <string.h>

typedef uint32_t lanes __attribute__((vector_size(16)));

static lanes load(const uint8_t *in) {
  lanes value;
  memcpy(&value, in, 16);
  return value;
}

static uint32_t bits_of(const uint32_t *values) {
  uint32_t all = 0;
  for (int index = 0; index < MILLRACE_BLOCK; index++) all |= values[index];
  return all == 0 ? 0 : 32 - (uint32_t)__builtin_clz(all);
}

static size_t pack(const uint32_t *values, uint32_t bits, uint8_t *out) {
  if (bits == 0) return 0;
  memset(out, 0, 16 * bits);
  for (uint32_t index = 0; index < 32; index++) {
    lanes value;
    memcpy(&value, values + 4 * index, 16);
    uint32_t place = index * bits, word = place / 32, shift = place % 32;
    lanes low = load(out + 16 * word) | value << shift;
    memcpy(out + 16 * word, &low, 16);
    if (shift + bits > 32) {
      lanes high = value >> (32 - shift);
      memcpy(out + 16 * (word + 1), &high, 16);
    }
  }
  return 16 * bits;
}

static void unpack(const uint8_t *in, uint32_t bits, uint32_t *values) {
  if (bits == 0) {
    memset(values, 0, MILLRACE_BLOCK * 4);
    return;
  }
  uint32_t mask = bits == 32 ? UINT32_MAX : (1u << bits) - 1;
  for (uint32_t index = 0; index < 32; index++) {
    uint32_t place = index * bits, word = place / 32, shift = place % 32;
    lanes value = load(in + 16 * word) >> shift;
    if (shift + bits > 32) value |= load(in + 16 * (word + 1)) << (32 - shift);
    value &= mask;
    memcpy(values + 4 * index, &value, 16);
  }
}

size_t millrace_postings_pack(const uint32_t *rows, const uint32_t *codes, uint32_t base, uint8_t *out,
                              uint32_t *row_bits, uint32_t *code_bits) {
  uint32_t differences[MILLRACE_BLOCK];
  uint32_t before = base;
  for (int index = 0; index < MILLRACE_BLOCK; index++) {
    differences[index] = rows[index] - before;
    before = rows[index];
  }
  *row_bits = bits_of(differences);
  *code_bits = bits_of(codes);
  size_t written = pack(differences, *row_bits, out);
  return written + pack(codes, *code_bits, out + written);
}

int millrace_postings_unpack(const uint8_t *in, size_t room, uint32_t row_bits, uint32_t code_bits, uint32_t base,
                             uint32_t row_count, uint32_t *rows, uint32_t *codes) {
  if (row_bits > 32 || code_bits > 32 || room < 16 * (size_t)row_bits + 16 * (size_t)code_bits) return -1;
  unpack(in, row_bits, rows);
  unpack(in + 16 * row_bits, code_bits, codes);
  uint64_t row = base;
  for (int index = 0; index < MILLRACE_BLOCK; index++) {
    row += rows[index];
    rows[index] = (uint32_t)row;
    if (row >= row_count) return -1;
  }
  return 0;
}

void millrace_postings_add(const uint32_t *rows, const uint32_t *codes, size_t count, const float *frequencies,
                           size_t frequency_count, const float *lengths, float a, float c, float weight,
                           uint32_t start, float *sums, uint64_t *touched) {
  float scores[MILLRACE_BLOCK];
  while (count > 0) {
    size_t now = count < MILLRACE_BLOCK ? count : MILLRACE_BLOCK;
    float norms[MILLRACE_BLOCK];
    for (size_t index = 0; index < now; index++) {
      scores[index] = codes[index] < frequency_count ? frequencies[codes[index]] : 0;
      norms[index] = lengths[rows[index]];
    }
    for (size_t index = 0; index < now; index++) {
      float norm = a + c * norms[index];
      scores[index] = weight * scores[index] / (scores[index] + norm);
    }
    for (size_t index = 0; index < now; index++) {
      uint32_t place = rows[index] - start;
      sums[place] += scores[index];
      touched[place / 64] |= (uint64_t)1 << (place % 64);
    }
    rows += now;
    codes += now;
    count -= now;
  }
}
