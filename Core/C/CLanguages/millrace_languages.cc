#include "millrace_languages.h"
#include <cstdio>
#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>
#include <cstring>

int millrace_language(const char *text, size_t count, char code[16]) {
  code[0] = 0;
  if (count > (1u << 20)) return 0;
  CLD2::Language languages[3];
  int percents[3];
  double scores[3];
  int text_bytes = 0, valid = 0;
  bool is_reliable = false;
  CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::ExtDetectLanguageSummaryCheckUTF8(text, static_cast<int>(count), true, &hints, 0, languages, percents, scores,
                                          nullptr, &text_bytes, &is_reliable, &valid);
  if (!is_reliable || valid < static_cast<int>(count) || languages[0] == CLD2::UNKNOWN_LANGUAGE) return 0;
  std::strncpy(code, CLD2::LanguageCode(languages[0]), 15);
  code[15] = 0;
  return 1;
}
