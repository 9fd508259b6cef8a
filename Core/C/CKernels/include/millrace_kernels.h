#pragma once
#include <stddef.h>
#include <stdint.h>

// Scans vectors. A panel holds 32 rows as two halves of 16 rows, value by value. For fp32, value k of row r lies at
// `panel[(r / 16 * dimension + k) * 16 + r % 16]`. For bf16, the values 2k and 2k + 1 of a row are neighbours:
// `panel[((r / 16 * dimension / 2 + k) * 16 + r % 16) * 2 + 0 or 1]`. The dimension of a panel is even: rows of odd
// dimension get a zero at the end.

enum { MILLRACE_FP32 = 0, MILLRACE_BF16 = 1 };

struct millrace_candidate {
  uint32_t query;
  uint32_t row;
  float score;
};

/// Makes a panel of 32 row-major rows of `dimension` values; `padded` is the dimension of the panel.
void millrace_panel_pack(int kind, const float *rows, size_t dimension, size_t padded, void *panel);

/// Orders row-major queries for `millrace_panel_scan` of panels of this kind; `packed` has room for as many floats.
void millrace_pack_queries(int kind, const float *queries, size_t query_count, size_t dimension, void *packed);

/// The distance between a query and its rounded form in a scan of panels of this kind; 0 where the scan doesn't round.
float millrace_query_error(int kind, const float *query, size_t dimension);

/// Scores the rows of consecutive panels. `out` receives the rows whose score is at least their query's threshold, and
/// has room for 32 * panel_count * query_count of them; `scratch` has room for `millrace_scan_scratch` floats. Returns
/// the number of rows in `out`. Sums are in fp32, in an order that depends on the instruction set.
size_t millrace_panel_scan(int kind, const void *panels, size_t panel_count, size_t dimension, const void *queries,
                           size_t query_count, const float *thresholds, float *scratch, struct millrace_candidate *out);

/// The number of floats of scratch memory that a scan of `query_count` queries needs.
size_t millrace_scan_scratch(size_t query_count);

/// A dot product that is the same, bit for bit, with every instruction set.
float millrace_dot(const float *a, const float *b, size_t dimension);

/// The nearest bf16 number (ties to even), as a float.
float millrace_bf16_round(float value);

/// The largest Euclidean distance between one of `row_count` row-major rows and the same row in bf16.
float millrace_bf16_error(const float *rows, size_t row_count, size_t dimension);

/// The largest Euclidean length of `row_count` row-major rows, rounded up a little.
float millrace_longest(const float *rows, size_t row_count, size_t dimension);

/// The instruction set of the scan: "avx512_bf16", "avx512", "avx2" or "portable".
const char *millrace_panels_instruction_set(void);

/// Selects the instruction set, for tests: 0 portable, 1 AVX2, 2 AVX-512, 3 AVX-512 with products of bf16, -1 the best.
/// Returns 0 when the processor lacks it, else 1.
int millrace_panels_use(int instruction_set);
