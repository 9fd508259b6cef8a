#include "millrace_words.h"
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/uvernum.h>

// Each thread has its own iterator and keeps it, because opening one loads the rules again.
static _Thread_local UBreakIterator *breaks;

static int is_cjk(UChar32 character) {
  UErrorCode code = U_ZERO_ERROR;
  switch (uscript_getScript(character, &code)) {
  case USCRIPT_HAN:
  case USCRIPT_HIRAGANA:
  case USCRIPT_KATAKANA:
  case USCRIPT_HANGUL:
  case USCRIPT_BOPOMOFO: return 1;
  default: return 0;
  }
}

long millrace_words(const char *text, size_t count, struct millrace_word *words, size_t most) {
  if (count > INT32_MAX) return -1;
  UErrorCode code = U_ZERO_ERROR;
  if (!breaks) breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &code);
  if (U_FAILURE(code) || !breaks) return -1;
  UText content = UTEXT_INITIALIZER;
  utext_openUTF8(&content, text, (int64_t)count, &code);
  ubrk_setUText(breaks, &content, &code);
  long found = 0;
  if (U_SUCCESS(code)) {
    int32_t start = ubrk_first(breaks);
    for (int32_t end = ubrk_next(breaks); end != UBRK_DONE; start = end, end = ubrk_next(breaks)) {
      if (ubrk_getRuleStatus(breaks) < UBRK_WORD_NONE_LIMIT) continue;
      if ((size_t)found < most) {
        UChar32 first = utext_char32At(&content, start);
        words[found] = (struct millrace_word){(uint32_t)start, (uint32_t)end,
                                              is_cjk(first) ? MILLRACE_WORD_CJK : MILLRACE_WORD_JOINED};
      }
      found++;
    }
  }
  // The iterator keeps a copy of `content`, which points to the caller's text. An empty text replaces it, because the
  // caller's text may be freed after this call.
  UText empty = UTEXT_INITIALIZER;
  UErrorCode ignored = U_ZERO_ERROR;
  utext_openUTF8(&empty, "", 0, &ignored);
  ubrk_setUText(breaks, &empty, &ignored);
  utext_close(&empty);
  utext_close(&content);
  return U_FAILURE(code) ? -1 : found;
}

static int32_t to_units(const char *text, size_t count, UChar *units, int32_t room) {
  if (count > MILLRACE_FOLD_MAX) return -1;
  UErrorCode code = U_ZERO_ERROR;
  int32_t length = 0;
  u_strFromUTF8(units, room, &length, text, (int32_t)count, &code);
  return U_FAILURE(code) ? -1 : length;
}

static long from_units(const UChar *units, int32_t length, char *out) {
  UErrorCode code = U_ZERO_ERROR;
  int32_t written = 0;
  u_strToUTF8(out, MILLRACE_FOLD_ROOM, &written, units, length, &code);
  return U_FAILURE(code) || written > MILLRACE_FOLD_ROOM ? -1 : written;
}

long millrace_fold_case(const char *text, size_t count, char *out) {
  UErrorCode code = U_ZERO_ERROR;
  const UNormalizer2 *folding = unorm2_getNFKCCasefoldInstance(&code);
  UChar units[MILLRACE_FOLD_MAX], folded[4 * MILLRACE_FOLD_MAX];
  int32_t length = to_units(text, count, units, MILLRACE_FOLD_MAX);
  if (U_FAILURE(code) || length < 0) return -1;
  length = unorm2_normalize(folding, units, length, folded, 4 * MILLRACE_FOLD_MAX, &code);
  return U_FAILURE(code) ? -1 : from_units(folded, length, out);
}

static UChar plain(UChar unit) {
  switch (unit) {
  case 0x0131: return 'i';
  case 0x0142: return 'l';
  case 0x00F8: return 'o';
  case 0x0111: return 'd';
  default: return unit;
  }
}

long millrace_fold_accents(const char *text, size_t count, char *out) {
  UErrorCode code = U_ZERO_ERROR;
  const UNormalizer2 *decomposing = unorm2_getNFDInstance(&code);
  const UNormalizer2 *composing = unorm2_getNFCInstance(&code);
  UChar units[4 * MILLRACE_FOLD_MAX], apart[4 * MILLRACE_FOLD_MAX];
  int32_t length = to_units(text, count, units, MILLRACE_FOLD_MAX);
  if (U_FAILURE(code) || length < 0) return -1;
  length = unorm2_normalize(decomposing, units, length, apart, 4 * MILLRACE_FOLD_MAX, &code);
  if (U_FAILURE(code)) return -1;
  int32_t kept = 0;
  for (int32_t index = 0; index < length; index++) {
    if (apart[index] < 0x0300 || apart[index] > 0x036F) apart[kept++] = plain(apart[index]);
  }
  length = unorm2_normalize(composing, apart, kept, units, 4 * MILLRACE_FOLD_MAX, &code);
  return U_FAILURE(code) ? -1 : from_units(units, length, out);
}

int millrace_icu_version(void) { return U_ICU_VERSION_MAJOR_NUM; }
