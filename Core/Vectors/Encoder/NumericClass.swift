/// How the encoder holds the operands of its matrix products. Sums are in fp32 or in 32-bit integers. Bias, GELU,
/// softmax and layer norm are computed in fp32; the smaller classes may store their results as bf16.
package enum NumericClass: String, Sendable, CaseIterable {
  case fp32
  /// Weights and activations are bf16: 8 bits of precision.
  case bf16
  /// Weights are int8 with a scale for each output, activations int8 with a scale for each token. Attention is in bf16
  /// or fp32.
  case int8
}
