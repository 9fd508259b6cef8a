#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected 0x82F63B78), as Kafka's record batches carry it.
uint32_t millrace_crc32c(const uint8_t *bytes, size_t byte_count);
