#pragma once
#include <stddef.h>
#include <stdint.h>

// Character recognition with tesseract 5. Its library is loaded by `millrace_ocr_open`, because it is not on every
// machine. Only one thread may call these functions.

/// Loads the library and the data for `languages` ("eng+deu"). It opens files, so call it before the process enters the
/// sandbox.
/// Returns 0, or -1 and the reason in `fault`, a buffer of `size` bytes.
int millrace_ocr_open(const char *languages, char *fault, size_t size);

/// Reads the text of a picture of `width` × `height` gray values, one byte each, row by row. Returns tesseract's table
/// (its "tsv" format) with a line for each page, block, paragraph, line and word; NULL on failure. Free it with
/// `millrace_ocr_free`.
char *millrace_ocr_table(const uint8_t *gray, int width, int height, int dots_per_inch);

void millrace_ocr_free(char *table);
