#pragma once
#include <stddef.h>
#include <stdint.h>

// Archives in memory, by libzip. Swift sees only these functions.
typedef struct millrace_zip millrace_zip;

enum { MILLRACE_ZIP_OK = 0, MILLRACE_ZIP_DAMAGED = -1, MILLRACE_ZIP_TOO_LARGE = -2, MILLRACE_ZIP_ENCRYPTED = -3 };

/// `bytes` stay valid as long as the archive. Returns NULL for what is no archive.
millrace_zip *millrace_zip_open(const void *bytes, size_t count);
void millrace_zip_close(millrace_zip *archive);
int64_t millrace_zip_count(millrace_zip *archive);
/// Zero-terminated; NULL beyond the last entry.
const char *millrace_zip_name(millrace_zip *archive, int64_t index);
/// Unpacks an entry. Returns one of the codes above; `*content` is freed by the caller with free().
int millrace_zip_read(millrace_zip *archive, int64_t index, size_t limit, uint8_t **content, size_t *count);
