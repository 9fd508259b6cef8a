#include "millrace_compression.h"
#include <lz4frame.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

typedef struct {
  uint8_t *bytes;
  size_t count, capacity, limit;
} Output;

/// Makes room for at least one more byte; 0 when the limit is reached or memory is short.
static int grow(Output *out) {
  if (out->count < out->capacity) return 1;
  if (out->capacity >= out->limit) return 0;
  size_t capacity = out->capacity ? out->capacity * 2 : 65536;
  if (capacity > out->limit) capacity = out->limit;
  uint8_t *bytes = realloc(out->bytes, capacity);
  if (!bytes) return 0;
  out->bytes = bytes;
  out->capacity = capacity;
  return 1;
}

static int inflate_gzip(const uint8_t *input, size_t size, Output *out) {
  z_stream stream = {0};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return 0;
  stream.next_in = (uint8_t *)input;
  stream.avail_in = (uInt)size;
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    if (!grow(out)) break;
    stream.next_out = out->bytes + out->count;
    size_t room = out->capacity - out->count;
    stream.avail_out = (uInt)room;
    code = inflate(&stream, Z_NO_FLUSH);
    out->count += room - stream.avail_out;
    if (code != Z_OK && code != Z_STREAM_END) break;
    if (code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0) break;
  }
  inflateEnd(&stream);
  return code == Z_STREAM_END;
}

static int unpack_lz4(const uint8_t *input, size_t size, Output *out) {
  LZ4F_dctx *context = NULL;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return 0;
  size_t used = 0, hint = 1;
  while (hint != 0) {
    if (!grow(out)) break;
    size_t in = size - used, room = out->capacity - out->count;
    size_t produced = room;
    hint = LZ4F_decompress(context, out->bytes + out->count, &produced, input + used, &in, NULL);
    if (LZ4F_isError(hint)) break;
    used += in;
    out->count += produced;
    if (in == 0 && produced == 0) break;
  }
  LZ4F_freeDecompressionContext(context);
  return hint == 0;
}

static int unpack_zstd(const uint8_t *input, size_t size, Output *out) {
  ZSTD_DStream *stream = ZSTD_createDStream();
  if (!stream) return 0;
  ZSTD_inBuffer in = {input, size, 0};
  size_t hint = 1;
  while (hint != 0) {
    if (!grow(out)) break;
    size_t before = in.pos, count = out->count;
    ZSTD_outBuffer buffer = {out->bytes, out->capacity, out->count};
    hint = ZSTD_decompressStream(stream, &buffer, &in);
    if (ZSTD_isError(hint)) break;
    out->count = buffer.pos;
    if (in.pos == before && out->count == count) break;
  }
  ZSTD_freeDStream(stream);
  return hint == 0;
}

long millrace_decompress(int codec, const uint8_t *input, size_t size, size_t limit, uint8_t **output) {
  Output out = {NULL, 0, 0, limit};
  int done = 0;
  if (size > 0 && size <= UINT32_MAX) {
    if (codec == MILLRACE_GZIP) done = inflate_gzip(input, size, &out);
    if (codec == MILLRACE_LZ4) done = unpack_lz4(input, size, &out);
    if (codec == MILLRACE_ZSTD) done = unpack_zstd(input, size, &out);
  }
  if (!done) {
    free(out.bytes);
    return -1;
  }
  *output = out.bytes;
  return (long)out.count;
}

void millrace_decompressed_free(uint8_t *output) { free(output); }

size_t millrace_zstd_bound(size_t size) { return ZSTD_compressBound(size); }

size_t millrace_zstd_pack(const uint8_t *input, size_t size, uint8_t *output, size_t room) {
  size_t count = ZSTD_compress(output, room, input, size, 1);
  return ZSTD_isError(count) ? 0 : count;
}

long millrace_zstd_unpack(const uint8_t *input, size_t size, uint8_t *output, size_t room) {
  size_t count = ZSTD_decompress(output, room, input, size);
  return ZSTD_isError(count) ? -1 : (long)count;
}
