#pragma once
#include <stddef.h>
#include <stdint.h>

// Blocks of 128 postings. A posting is a row and a code, which stands for the term's frequency in the row. Rows ascend.
// A block holds the differences of the rows and then the codes, both bit-packed in 16 * bits bytes: four consecutive
// numbers lie side by side, one in each 32-bit lane of 16 bytes (Lemire and Boytsov 2015, doi:10.1002/spe.2203).

enum { MILLRACE_BLOCK = 128 };

/// Packs 128 postings. `base` is subtracted from the first row and must not be larger. `out` has room for 1,024 bytes.
///
/// Returns the number of bytes written.
size_t millrace_postings_pack(const uint32_t *rows, const uint32_t *codes, uint32_t base, uint8_t *out,
                              uint32_t *row_bits, uint32_t *code_bits);

/// Unpacks 128 postings from `room` bytes. Returns 0; -1 when the bytes are too few or a row is not below `row_count`.
int millrace_postings_unpack(const uint8_t *in, size_t room, uint32_t row_bits, uint32_t code_bits, uint32_t base,
                             uint32_t row_count, uint32_t *rows, uint32_t *codes);

/// Adds the scores of `count` postings to `sums[row - start]`, and marks the rows in `touched`, one bit per row.
///
/// score = weight * tf / (tf + a + c * length), where tf = frequencies[code] and length = lengths[row]. A code of
/// `frequency_count` or more scores 0. No row may be below `start`, or beyond the end of `sums`, `touched` or
/// `lengths`.
void millrace_postings_add(const uint32_t *rows, const uint32_t *codes, size_t count, const float *frequencies,
                           size_t frequency_count, const float *lengths, float a, float c, float weight,
                           uint32_t start, float *sums, uint64_t *touched);
