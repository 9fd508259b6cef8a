#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Detects the language of UTF-8 text with CLD2. `code` receives its BCP 47 code, zero-terminated.
///
/// Returns 1 when CLD2 is certain. Returns 0 when it is not, when it does not accept the bytes as UTF-8, or when there
/// is more than 1 MiB of them.
int millrace_language(const char *text, size_t count, char code[16]);

#ifdef __cplusplus
}
#endif
