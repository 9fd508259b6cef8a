#pragma once
#include <libstemmer.h>
#include <stddef.h>
#include <stdint.h>

// Words of UTF-8 text, and their folded forms, by ICU. Stemming is libstemmer's own interface.

enum {
  /// Letters and digits that ICU joins.
  MILLRACE_WORD_JOINED = 1,
  /// Chinese, Japanese or Korean: the words of a run are not told apart here.
  MILLRACE_WORD_CJK = 2,
};

/// A word's bytes, end excluded.
struct millrace_word {
  uint32_t start;
  uint32_t end;
  uint32_t kind;
};

/// Finds the words in `count` bytes of valid UTF-8; what lies between them is left out.
///
/// Returns how many there are, also beyond `most`; -1 when ICU fails.
long millrace_words(const char *text, size_t count, struct millrace_word *words, size_t most);

/// The longest word that the folding functions take, and the room for their result.
enum { MILLRACE_FOLD_MAX = 512, MILLRACE_FOLD_ROOM = 4096 };

/// NFKC_Casefold of Unicode: case and compatibility forms are the same.
///
/// Returns the bytes written to `out`; -1 when the word is too long, not UTF-8 or becomes too long.
long millrace_fold_case(const char *text, size_t count, char *out);

/// Leaves out the accents of Latin, Greek and Cyrillic letters (U+0300 to U+036F after decomposition), and replaces
/// letters that Unicode does not decompose (ı ł ø đ). Returns as `millrace_fold_case`.
long millrace_fold_accents(const char *text, size_t count, char *out);

/// ICU's major version: other versions may break and fold differently.
int millrace_icu_version(void);
