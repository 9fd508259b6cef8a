#pragma once
#include <stddef.h>
#include <stdint.h>

enum { MILLRACE_GZIP = 1, MILLRACE_LZ4 = 3, MILLRACE_ZSTD = 4 };

/// Unpacks `size` bytes that were packed by one of Kafka's codecs (lz4 and gzip in their frame formats).
/// Returns the number of unpacked bytes; the caller frees `*output` with `millrace_decompressed_free`.
/// Returns -1 when the input is broken, the codec is unknown, memory is short, or the result would be longer
/// than `limit`.
long millrace_decompress(int codec, const uint8_t *input, size_t size, size_t limit, uint8_t **output);
void millrace_decompressed_free(uint8_t *output);

/// Packs the input as one zstd frame at level 1. Returns its size; 0 on an error. A room of `millrace_zstd_bound` bytes
/// is always enough.
size_t millrace_zstd_pack(const uint8_t *input, size_t size, uint8_t *output, size_t room);
size_t millrace_zstd_bound(size_t size);
/// Unpacks one zstd frame. Returns the number of unpacked bytes; -1 on an error, also when `room` is too small.
long millrace_zstd_unpack(const uint8_t *input, size_t size, uint8_t *output, size_t room);
