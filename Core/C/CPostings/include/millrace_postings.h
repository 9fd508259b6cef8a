#pragma once
#include <stddef.h>
#include <stdint.h>

// Blocks of 128 postings. A posting is a row and the code of its counts. Rows ascend; a block holds their differences
// and the codes, bit-packed: four numbers side by side in each 32-bit lane of 16 bytes (Lemire and Boytsov 2015,
// doi:10.1002/spe.2203), 16 * bits bytes each.

enum { MILLRACE_BLOCK = 128 };

/// Packs 128 postings behind `base`, which is at most the first row. `out` has room for 1,024 bytes.
///
/// Returns the bytes written.
size_t millrace_postings_pack(const uint32_t *rows, const uint32_t *codes, uint32_t base, uint8_t *out,
                              uint32_t *row_bits, uint32_t *code_bits);

/// Unpacks 128 postings from `room` bytes. Returns 0; -1 when the bytes are too few or a row is not below `row_count`.
int millrace_postings_unpack(const uint8_t *in, size_t room, uint32_t row_bits, uint32_t code_bits, uint32_t base,
                             uint32_t row_count, uint32_t *rows, uint32_t *codes);

/// Adds the scores of `count` postings to `sums[row - start]`, and marks the rows in `touched`, a bit each.
///
/// score = weight * tf / (tf + a + c * length), tf = frequencies[code]. A code beyond `frequency_count` scores 0. Every row
/// is in start..<start + 64 * words, and below the count of `lengths`.
void millrace_postings_add(const uint32_t *rows, const uint32_t *codes, size_t count, const float *frequencies,
                           size_t frequency_count, const float *lengths, float a, float c, float weight,
                           uint32_t start, float *sums, uint64_t *touched);
