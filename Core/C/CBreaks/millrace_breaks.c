#include "millrace_breaks.h"
#include <unicode/ubrk.h>
#include <unicode/utext.h>

// Each thread has its own iterator and keeps it, because opening one loads the rules again.
static _Thread_local UBreakIterator *sentences;

long millrace_sentence_ends(const char *text, size_t count, int64_t *ends, size_t most) {
  UErrorCode code = U_ZERO_ERROR;
  if (!sentences) sentences = ubrk_open(UBRK_SENTENCE, "", NULL, 0, &code);
  if (U_FAILURE(code) || !sentences) return -1;
  UText content = UTEXT_INITIALIZER;
  utext_openUTF8(&content, text, (int64_t)count, &code);
  ubrk_setUText(sentences, &content, &code);
  long found = 0;
  if (U_SUCCESS(code)) {
    ubrk_first(sentences);
    // Positions of a UText over UTF-8 are bytes.
    for (int32_t end = ubrk_next(sentences); end != UBRK_DONE; end = ubrk_next(sentences)) {
      if ((size_t)found < most) ends[found] = end;
      found++;
    }
  }
  // The iterator keeps a copy of `content`, which points to the caller's text. An empty text replaces it, because the
  // caller's text may be freed after this call.
  UText empty = UTEXT_INITIALIZER;
  UErrorCode ignored = U_ZERO_ERROR;
  utext_openUTF8(&empty, "", 0, &ignored);
  ubrk_setUText(sentences, &empty, &ignored);
  utext_close(&empty);
  utext_close(&content);
  return U_FAILURE(code) ? -1 : found;
}
