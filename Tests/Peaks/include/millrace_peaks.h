#pragma once
#include <stddef.h>

// What this processor can do at most, for the benchmark of the index.

/// fp32 operations a second of fused multiply-adds on registers, with the widest instruction set; one thread.
double millrace_peak_fma(double seconds);

/// bf16 operations a second (vdpbf16ps); 0 where the processor lacks it.
double millrace_peak_bf16(double seconds);

/// Bytes a second that one thread reads of a buffer of `byte_count` bytes, the median of seven passes; 0 without memory.
double millrace_read_rate(size_t byte_count);
