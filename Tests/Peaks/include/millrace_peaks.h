#pragma once
#include <stddef.h>

// What this processor can do at most, for the benchmarks of the index and the encoder.

/// fp32 operations a second of fused multiply-adds on registers, with the widest instruction set; one thread.
double millrace_peak_fma(double seconds);

/// bf16 operations a second (vdpbf16ps); 0 where the processor lacks it.
double millrace_peak_bf16(double seconds);

/// int8 operations a second: vpdpbusd, or vpmaddubsw, vpmaddwd and vpaddd.
double millrace_peak_int8(double seconds);

/// Bytes a second that all threads together read of `byte_count` bytes, in the median of nine passes that they begin
/// together; 0 without memory.
double millrace_read_rate(size_t byte_count, int threads);
