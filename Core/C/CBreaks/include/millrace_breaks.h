#pragma once
#include <stddef.h>
#include <stdint.h>

// ICU's break iterator for sentences of UTF-8 text. Swift can't call ICU itself: its functions are macros, and its
// headers conflict with the copy inside Swift's Foundation.

/// Finds the ends of sentences by the root locale's rules (UAX 29). Writes the first `most` of them as ascending byte
/// offsets; the last sentence ends at `count`. Returns the number of sentences, which may be more than `most`, or -1
/// when ICU fails.
long millrace_sentence_ends(const char *text, size_t count, int64_t *ends, size_t most);
