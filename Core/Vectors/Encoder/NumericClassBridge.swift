internal import CEncoder

extension NumericClass {
  var number: Int32 {
    switch self {
    case .fp32: Int32(MILLRACE_CLASS_FP32.rawValue)
    case .bf16: Int32(MILLRACE_CLASS_BF16.rawValue)
    case .int8: Int32(MILLRACE_CLASS_INT8.rawValue)
    }
  }

  /// Whether the instruction set has kernels for this class.
  package func isSupported(on set: InstructionSet) -> Bool {
    millrace_class_is_supported(set.number, number) != 0
  }
}

extension InstructionSet {
  var number: Int32 {
    switch self {
    case .avx512: Int32(MILLRACE_SET_AVX512.rawValue)
    case .avx2: Int32(MILLRACE_SET_AVX2.rawValue)
    case .portable: Int32(MILLRACE_SET_PORTABLE.rawValue)
    }
  }

  /// Whether this processor has it.
  package var isPresent: Bool { millrace_encoder_has(number) != 0 }
}
