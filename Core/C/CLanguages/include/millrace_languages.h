#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The language of UTF-8 text by CLD2: `code` receives its BCP 47 code with a zero byte.
///
/// Returns 1 when CLD2 is certain, 0 when it is not, or the bytes are not UTF-8 that it takes.
int millrace_language(const char *text, size_t count, char code[16]);

#ifdef __cplusplus
}
#endif
