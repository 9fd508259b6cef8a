#include "millrace_checksum.h"
#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

static uint32_t crc_table(const uint8_t *bytes, size_t byte_count) {
  static uint32_t table[256];
  static volatile int ready;
  if (!ready) {  // writing the same values twice is harmless
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0x82F63B78u : value >> 1;
      table[i] = value;
    }
    ready = 1;
  }
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < byte_count; i++) crc = table[(crc ^ bytes[i]) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(const uint8_t *bytes, size_t byte_count) {
  uint64_t crc = 0xFFFFFFFFu;
  while (byte_count >= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = _mm_crc32_u64(crc, word);
    bytes += 8;
    byte_count -= 8;
  }
  while (byte_count--) crc = _mm_crc32_u8((uint32_t)crc, *bytes++);
  return ~(uint32_t)crc;
}
#endif

uint32_t millrace_crc32c(const uint8_t *bytes, size_t byte_count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return crc_sse42(bytes, byte_count);
#endif
  return crc_table(bytes, byte_count);
}
