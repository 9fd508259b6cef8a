#include "millrace_zip.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static zip_t *in(millrace_zip *archive) { return (zip_t *)archive; }

millrace_zip *millrace_zip_open(const void *bytes, size_t count) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(bytes, count, 0, &error);
  zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
  if (!archive && source) zip_source_free(source);
  zip_error_fini(&error);
  return (millrace_zip *)archive;
}

void millrace_zip_close(millrace_zip *archive) { zip_discard(in(archive)); }
int64_t millrace_zip_count(millrace_zip *archive) { return zip_get_num_entries(in(archive), 0); }

const char *millrace_zip_name(millrace_zip *archive, int64_t index) {
  return index < 0 ? NULL : zip_get_name(in(archive), (zip_uint64_t)index, 0);
}

int millrace_zip_read(millrace_zip *archive, int64_t index, size_t limit, uint8_t **content, size_t *count) {
  *content = NULL;
  *count = 0;
  zip_stat_t facts;
  zip_stat_init(&facts);
  if (index < 0 || zip_stat_index(in(archive), (zip_uint64_t)index, 0, &facts) != 0) return MILLRACE_ZIP_DAMAGED;
  if ((facts.valid & ZIP_STAT_ENCRYPTION_METHOD) && facts.encryption_method != ZIP_EM_NONE)
    return MILLRACE_ZIP_ENCRYPTED;
  // The size that an entry declares may be wrong, so the unpacked bytes are counted, too.
  if ((facts.valid & ZIP_STAT_SIZE) && facts.size > limit) return MILLRACE_ZIP_TOO_LARGE;
  zip_file_t *file = zip_fopen_index(in(archive), (zip_uint64_t)index, 0);
  if (!file) return MILLRACE_ZIP_DAMAGED;
  size_t room = 1 << 16, used = 0;
  uint8_t *bytes = malloc(room);
  int code = bytes ? MILLRACE_ZIP_OK : MILLRACE_ZIP_TOO_LARGE;
  while (code == MILLRACE_ZIP_OK) {
    zip_int64_t got = zip_fread(file, bytes + used, room - used);
    if (got == 0) break;
    if (got < 0) {
      code = MILLRACE_ZIP_DAMAGED;
      break;
    }
    used += (size_t)got;
    if (used > limit) code = MILLRACE_ZIP_TOO_LARGE;
    else if (used == room) {
      uint8_t *larger = realloc(bytes, room * 2);
      if (!larger) code = MILLRACE_ZIP_TOO_LARGE;
      else {
        bytes = larger;
        room *= 2;
      }
    }
  }
  // Closing compares the checksum.
  if (zip_fclose(file) != 0 && code == MILLRACE_ZIP_OK) code = MILLRACE_ZIP_DAMAGED;
  if (code != MILLRACE_ZIP_OK) {
    free(bytes);
    return code;
  }
  *content = bytes;
  *count = used;
  return MILLRACE_ZIP_OK;
}
