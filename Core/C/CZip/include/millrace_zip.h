#pragma once
#include <stddef.h>
#include <stdint.h>

// Reads zip archives in memory with libzip. Swift sees only these functions.
typedef struct millrace_zip millrace_zip;

enum { MILLRACE_ZIP_OK = 0, MILLRACE_ZIP_DAMAGED = -1, MILLRACE_ZIP_TOO_LARGE = -2, MILLRACE_ZIP_ENCRYPTED = -3 };

/// Opens an archive. `bytes` must stay valid until it is closed. Returns NULL when they are not a zip archive.
millrace_zip *millrace_zip_open(const void *bytes, size_t count);
void millrace_zip_close(millrace_zip *archive);
int64_t millrace_zip_count(millrace_zip *archive);
/// The name of an entry, zero-terminated; NULL beyond the last entry.
const char *millrace_zip_name(millrace_zip *archive, int64_t index);
/// Unpacks an entry. Returns one of the codes above; `*content` is freed by the caller with free().
int millrace_zip_read(millrace_zip *archive, int64_t index, size_t limit, uint8_t **content, size_t *count);
