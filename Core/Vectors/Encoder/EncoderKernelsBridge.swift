internal import CEncoder
import VectorMath

/// The kernels one by one, for tests.
package enum EncoderKernels {
  /// `rows × weightsᵀ + bias`, with GELU if `isGELU`.
  ///
  /// - Parameters:
  ///   - weights: `outputs × inputs`, both multiples of 32.
  ///   - rows: `count × inputs`.
  /// - Returns: `count × outputs`.
  package static func linear(
    _ set: InstructionSet, _ numericClass: NumericClass, weights: [Float], bias: [Float], inputs: Int,
    rows: [Float], isGELU: Bool
  ) -> [Float] {
    let count = rows.count / inputs
    precondition(weights.count == bias.count * inputs && rows.count == count * inputs)
    precondition(bias.count % 32 == 0 && inputs % 32 == 0)
    var out = [Float](repeating: .nan, count: count * bias.count)
    _ = unsafe millrace_test_linear(
      set.number, numericClass.number, weights, bias, bias.count, inputs, rows, count, isGELU ? 1 : 0, &out)
    return out
  }

  /// Attention of one sequence.
  ///
  /// - Parameter projected: `length × 3 × width`: query, key and value of a token beside each other.
  /// - Returns: `length × width`.
  package static func attention(
    _ set: InstructionSet, isBF16: Bool, projected: [Float], length: Int, width: Int, headWidth: Int
  ) -> [Float] {
    precondition(projected.count == length * 3 * width && width % headWidth == 0 && headWidth % 32 == 0)
    var out = [Float](repeating: .nan, count: length * width)
    _ = unsafe millrace_test_attention(
      set.number, isBF16 ? 1 : 0, projected, length, width, headWidth, &out)
    return out
  }

  /// Layer norm of each row.
  package static func norm(
    _ set: InstructionSet, _ values: [Float], gamma: [Float], beta: [Float], epsilon: Float
  ) -> [Float] {
    precondition(values.count % gamma.count == 0 && gamma.count == beta.count && gamma.count % 32 == 0)
    var out = values
    unsafe millrace_test_norm(
      set.number, &out, values.count / gamma.count, gamma.count, gamma, beta, epsilon)
    return out
  }
}
