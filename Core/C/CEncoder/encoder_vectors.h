// The register types of one instruction set. They depend on WIDTH (floats that a register holds) and INT8_BYTES (the
// bytes of an int8 value of a row). Included once by each encoder_<set>.c, before its operations.

typedef float NAME(floats) __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef int32_t NAME(ints) __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef uint32_t NAME(words) __attribute__((vector_size(WIDTH * 4), aligned(4)));
typedef uint16_t NAME(halves) __attribute__((vector_size(WIDTH * 2), aligned(2)));
#if INT8_BYTES == 1
typedef uint8_t NAME(int8_operands) __attribute__((vector_size(WIDTH), aligned(1)));
#else
typedef int16_t NAME(int8_operands) __attribute__((vector_size(WIDTH * 2), aligned(2)));
#endif
#define KERNEL static inline __attribute__((always_inline)) TARGET
