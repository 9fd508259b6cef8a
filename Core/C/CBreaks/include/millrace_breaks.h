#pragma once
#include <stddef.h>
#include <stdint.h>

// ICU's break iterator, by bytes of UTF-8. Swift can't call ICU (its functions are macros), and its headers conflict with
// the copy inside Swift's Foundation.

/// Finds the ends of sentences by the root locale's rules (UAX 29). Writes at most `most` byte offsets, in order, the last
/// one is `count`. Returns their number, which may be more than `most`, or -1 when ICU fails.
long millrace_sentence_ends(const char *text, size_t count, int64_t *ends, size_t most);
