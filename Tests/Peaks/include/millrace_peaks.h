#pragma once
#include <stddef.h>

// What this processor can do at most, for the benchmarks of the index and the encoder.

/// fp32 operations per second of fused multiply-adds on registers, with the widest instruction set, in one thread.
double millrace_peak_fma(double seconds);

/// bf16 operations per second (vdpbf16ps), in one thread; 0 if the processor lacks this instruction.
double millrace_peak_bf16(double seconds);

/// int8 operations per second, in one thread: of vpdpbusd, or without it of vpmaddubsw, vpmaddwd and vpaddd.
double millrace_peak_int8(double seconds);

/// Bytes per second that all threads together read from `byte_count` bytes of memory. Each thread's rate is that of its
/// median pass of nine, which all threads begin together. 0 if the memory can't be allocated.
double millrace_read_rate(size_t byte_count, int threads);
