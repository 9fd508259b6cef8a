#include "millrace_icu.h"
#include <limits.h>
#include <stdlib.h>
#include <unicode/ucnv.h>

int millrace_icu_decode(const char *encoding, const void *bytes, size_t count, uint16_t **text, size_t *unit_count) {
  *text = NULL;
  *unit_count = 0;
  if (count > INT32_MAX / 4) return -2;
  UErrorCode code = U_ZERO_ERROR;
  UConverter *converter = ucnv_open(encoding, &code);
  if (U_FAILURE(code) || converter == NULL) return -1;
  // One byte seldom becomes more than one unit. When the room is too small, ICU returns how much it needs.
  int32_t room = (int32_t)count + 16, used = 0;
  UChar *units = malloc((size_t)room * sizeof(UChar));
  for (int attempt = 0; units != NULL && attempt < 2; attempt++) {
    code = U_ZERO_ERROR;
    ucnv_reset(converter);
    used = ucnv_toUChars(converter, units, room, bytes, (int32_t)count, &code);
    if (code != U_BUFFER_OVERFLOW_ERROR) break;
    room = used + 1;
    UChar *larger = realloc(units, (size_t)room * sizeof(UChar));
    if (larger == NULL) break;
    units = larger;
  }
  ucnv_close(converter);
  if (units == NULL || U_FAILURE(code)) {
    free(units);
    return -2;
  }
  *text = units;
  *unit_count = (size_t)used;
  return 0;
}
