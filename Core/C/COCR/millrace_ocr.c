#include "millrace_ocr.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

// The part of tesseract/capi.h that is used here. It is the same in all releases of version 5.
typedef struct TessBaseAPI TessBaseAPI;
static TessBaseAPI *(*create)(void);
static int (*init)(TessBaseAPI *, const char *folder, const char *languages);
static void (*set_image)(TessBaseAPI *, const unsigned char *, int width, int height, int pixel_bytes, int line_bytes);
static void (*set_resolution)(TessBaseAPI *, int dots_per_inch);
static char *(*table)(TessBaseAPI *, int page);
static void (*delete_text)(const char *);
static void (*clear)(TessBaseAPI *);

static TessBaseAPI *reader;

int millrace_ocr_open(const char *languages, char *fault, size_t size) {
  // Tesseract's parallel loops would start threads, which the sandbox does not allow.
  setenv("OMP_THREAD_LIMIT", "1", 1);
  void *library = dlopen("libtesseract.so.5", RTLD_NOW);
  if (library == NULL) {
    snprintf(fault, size, "libtesseract.so.5 can't be loaded");
    return -1;
  }
  *(void **)&create = dlsym(library, "TessBaseAPICreate");
  *(void **)&init = dlsym(library, "TessBaseAPIInit3");
  *(void **)&set_image = dlsym(library, "TessBaseAPISetImage");
  *(void **)&set_resolution = dlsym(library, "TessBaseAPISetSourceResolution");
  *(void **)&table = dlsym(library, "TessBaseAPIGetTsvText");
  *(void **)&delete_text = dlsym(library, "TessDeleteText");
  *(void **)&clear = dlsym(library, "TessBaseAPIClear");
  if (!create || !init || !set_image || !set_resolution || !table || !delete_text || !clear) {
    snprintf(fault, size, "libtesseract.so.5 lacks a function");
    return -1;
  }
  reader = create();
  if (reader == NULL || init(reader, NULL, languages) != 0) {
    snprintf(fault, size, "tesseract has no data for the languages '%s'", languages);
    return -1;
  }
  return 0;
}

char *millrace_ocr_table(const uint8_t *gray, int width, int height, int dots_per_inch) {
  if (reader == NULL) return NULL;
  set_image(reader, gray, width, height, 1, width);
  set_resolution(reader, dots_per_inch);
  char *text = table(reader, 0);
  clear(reader);
  return text;
}

void millrace_ocr_free(char *text) {
  if (text != NULL) delete_text(text);
}
