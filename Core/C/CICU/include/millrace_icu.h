#pragma once
#include <stddef.h>
#include <stdint.h>

// ICU's functions are macros that add a version to their names, which Swift can't call; and its headers conflict with
// the copy inside Swift's Foundation. So Swift sees only these functions.

/// Converts bytes in the named encoding to UTF-16. Bytes that are invalid become U+FFFD.
/// Returns 0 (then the caller frees `*text`), -1 for an unknown encoding, -2 when the text is too long or memory or ICU
/// fails.
int millrace_icu_decode(const char *encoding, const void *bytes, size_t count, uint16_t **text, size_t *unit_count);
