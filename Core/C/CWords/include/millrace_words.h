#pragma once
#include <libstemmer.h>
#include <stddef.h>
#include <stdint.h>

// Words of UTF-8 text, and their folded forms, by ICU. For stemming, Swift calls libstemmer directly.

enum {
  /// A word in any other script, or a number.
  MILLRACE_WORD_JOINED = 1,
  /// A Chinese, Japanese or Korean word, by its first character. The caller joins words that touch each other.
  MILLRACE_WORD_CJK = 2,
};

/// The byte range of a word, without `end` itself.
struct millrace_word {
  uint32_t start;
  uint32_t end;
  uint32_t kind;
};

/// Finds the words in `count` bytes of valid UTF-8, and writes the first `most` of them. Spaces and punctuation are
/// left out.
///
/// Returns the number of words, which may be more than `most`; -1 when the text is too long or ICU fails.
long millrace_words(const char *text, size_t count, struct millrace_word *words, size_t most);

/// The bytes of the longest word that the folding functions accept, and the bytes that `out` must have room for.
enum { MILLRACE_FOLD_MAX = 512, MILLRACE_FOLD_ROOM = 4096 };

/// Folds a word by Unicode's NFKC_Casefold: forms that differ in case or compatibility become the same.
///
/// Returns the number of bytes written to `out`; -1 when the word is too long, not UTF-8 or becomes too long.
long millrace_fold_case(const char *text, size_t count, char *out);

/// Removes the accents of Latin, Greek and Cyrillic letters (U+0300 to U+036F after decomposition), and replaces
/// letters that Unicode does not decompose (ı ł ø đ). Returns the same as `millrace_fold_case`.
long millrace_fold_accents(const char *text, size_t count, char *out);

/// ICU's major version: other versions may break and fold differently.
int millrace_icu_version(void);
