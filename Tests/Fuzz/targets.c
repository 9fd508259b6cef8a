// libFuzzer's entry to our C doors, one at a time: compiled with -DTARGET_NAME by scripts/fuzz.sh.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(TARGET_html)
#include "millrace_gumbo.h"
static void walk(const millrace_html_node *node, int depth) {
  size_t count;
  for (; node && depth < 2000; node = millrace_html_next(node)) {
    int type = millrace_html_type(node);
    if (type == MILLRACE_HTML_TEXT) (void)strlen(millrace_html_text(node));
    if (type == MILLRACE_HTML_ELEMENT) {
      (void)millrace_html_name(node, &count);
      (void)millrace_html_attribute(node, "style");
      (void)millrace_html_parent(node);
    }
    walk(millrace_html_child(node), depth + 1);
  }
}
static void target(const uint8_t *bytes, size_t count) {
  millrace_html *document = millrace_html_parse((const char *)bytes, count);
  if (!document) return;
  walk(millrace_html_root(document), 0);
  millrace_html_free(document);
}
#elif defined(TARGET_markdown)
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
static void target(const uint8_t *bytes, size_t count) {
  cmark_gfm_core_extensions_ensure_registered();
  int options = CMARK_OPT_UNSAFE | CMARK_OPT_FOOTNOTES;
  cmark_parser *parser = cmark_parser_new(options);
  const char *names[] = {"table", "strikethrough", "tasklist"};
  for (int i = 0; i < 3; i++) cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(names[i]));
  cmark_parser_feed(parser, (const char *)bytes, count);
  cmark_node *root = cmark_parser_finish(parser);
  char *html = cmark_render_html(root, options, cmark_parser_get_syntax_extensions(parser));
  free(html);
  cmark_node_free(root);
  cmark_parser_free(parser);
}
#elif defined(TARGET_xml)
#include "millrace_xml.h"
static void walk(millrace_xml_node *node, int depth) {
  for (; node && depth < 300; node = millrace_xml_next(node)) {
    if (millrace_xml_type(node) == MILLRACE_XML_ELEMENT) {
      (void)strlen(millrace_xml_name(node));
      millrace_xml_free_text(millrace_xml_attribute(node, "val"));
      (void)millrace_xml_parent(node);
    }
    const char *text = millrace_xml_type(node) == MILLRACE_XML_TEXT ? millrace_xml_text(node) : NULL;
    if (text) (void)strlen(text);
    walk(millrace_xml_child(node), depth + 1);
  }
}
static void target(const uint8_t *bytes, size_t count) {
  millrace_xml *document = millrace_xml_parse(bytes, count);
  if (!document) return;
  walk(millrace_xml_root(document), 0);
  millrace_xml_free(document);
}
#elif defined(TARGET_zip)
#include "millrace_zip.h"
static void target(const uint8_t *bytes, size_t count) {
  millrace_zip *archive = millrace_zip_open(bytes, count);
  if (!archive) return;
  int64_t entries = millrace_zip_count(archive);
  for (int64_t index = 0; index < entries && index < 100; index++) {
    uint8_t *content;
    size_t length;
    (void)millrace_zip_name(archive, index);
    if (millrace_zip_read(archive, index, 1 << 20, &content, &length) == MILLRACE_ZIP_OK) free(content);
  }
  millrace_zip_close(archive);
}
#elif defined(TARGET_encodings)
#include "millrace_icu.h"
static void target(const uint8_t *bytes, size_t count) {
  static const char *names[] = {"windows-1252", "SHIFT_JIS", "GB18030", "BIG5", "EUC-KR", "ISO-2022-JP", "UTF-16LE",
                                "UTF-32BE", "HZ-GB-2312", "windows-949", "EUC-TW", "ISO-2022-KR", "UTF-7", "TIS-620"};
  if (count == 0) return;
  uint16_t *text;
  size_t units;
  if (millrace_icu_decode(names[bytes[0] % 14], bytes + 1, count - 1, &text, &units) == 0) free(text);
}
#elif defined(TARGET_breaks)
#include "millrace_breaks.h"
static void target(const uint8_t *bytes, size_t count) {
  int64_t ends[64];
  long found = millrace_sentence_ends((const char *)bytes, count, ends, 64);
  for (long i = 0; i < found && i < 64; i++)
    if (ends[i] < 0 || ends[i] > (int64_t)count || (i > 0 && ends[i] <= ends[i - 1])) abort();
}
#elif defined(TARGET_compression)
#include "millrace_compression.h"
static void target(const uint8_t *bytes, size_t count) {
  if (count == 0) return;
  static const int codecs[] = {MILLRACE_GZIP, MILLRACE_LZ4, MILLRACE_ZSTD};
  uint8_t *output;
  if (millrace_decompress(codecs[bytes[0] % 3], bytes + 1, count - 1, 1 << 20, &output) >= 0)
    millrace_decompressed_free(output);
}
#elif defined(TARGET_panels)
#include "millrace_kernels.h"
#include <math.h>
// Any panels and queries of any shape, with every instruction set: nothing beyond the buffers is read or written, and
// the scores are those of a plain loop.
static void target(const uint8_t *bytes, size_t count) {
  if (count < 8) return;
  size_t dimension = 2 + bytes[0] % 48 * 2, queries = 1 + bytes[1] % 30, panels = 1 + bytes[2] % 3;
  int kind = bytes[3] % 2 ? MILLRACE_BF16 : MILLRACE_FP32;
  if (!millrace_panels_use(bytes[4] % 4)) return;
  size_t rows = 32 * panels, next = 5;
  float *values = malloc((rows + queries) * dimension * sizeof(float));
  for (size_t i = 0; i < (rows + queries) * dimension; i++) values[i] = (float)(int8_t)bytes[next++ % count] / 128;
  float *query = values + rows * dimension;
  size_t panel_bytes = 32 * dimension * (kind == MILLRACE_BF16 ? 2 : 4);
  uint8_t *packed = malloc(panels * panel_bytes);
  for (size_t p = 0; p < panels; p++)
    millrace_panel_pack(kind, values + p * 32 * dimension, dimension, dimension, packed + p * panel_bytes);
  float *packed_queries = malloc(queries * dimension * sizeof(float));
  millrace_pack_queries(kind, query, queries, dimension, packed_queries);
  float *thresholds = malloc(queries * sizeof(float));
  for (size_t j = 0; j < queries; j++) thresholds[j] = -INFINITY;
  float *scratch = malloc(millrace_scan_scratch(queries) * sizeof(float));
  struct millrace_candidate *out = malloc(rows * queries * sizeof *out);
  size_t found = millrace_panel_scan(kind, packed, panels, dimension, packed_queries, queries, thresholds, scratch, out);
  if (found != rows * queries) abort();
  for (size_t i = 0; i < found; i++) {
    double sum = 0;
    if (out[i].row >= rows || out[i].query >= queries) abort();
    // Eight bits: bf16 holds them exactly.
    for (size_t k = 0; k < dimension; k++)
      sum += (double)values[out[i].row * dimension + k] * query[out[i].query * dimension + k];
    if (fabs(sum - out[i].score) > 1e-3) abort();
  }
  free(values);
  free(packed);
  free(packed_queries);
  free(thresholds);
  free(scratch);
  free(out);
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  target(bytes, count);
  return 0;
}
