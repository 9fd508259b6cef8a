#pragma once
#include <stddef.h>
#include <stdint.h>

// Character recognition by tesseract 5, whose library is loaded when it is asked for: it is not on every machine. Not
// for several threads.

/// Loads the library and the data of `languages` ("eng+deu"). It opens files, so it comes before a process is confined.
/// Returns 0, or -1 and the reason in `fault`, a buffer of `size` bytes.
int millrace_ocr_open(const char *languages, char *fault, size_t size);

/// Reads a picture of `width` × `height` bytes of gray, row by row. Returns tesseract's table with a line for each page,
/// block, paragraph, line and word (columns: tesseract's "tsv"), to be freed with `millrace_ocr_free`; null on failure.
char *millrace_ocr_table(const uint8_t *gray, int width, int height, int dots_per_inch);

void millrace_ocr_free(char *table);
