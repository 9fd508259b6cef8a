internal import CKernels
internal import COpenBLAS

/// The element-wise kernels of the encoder (`Core/C/CKernels`).
package enum Kernels {
  /// `avx512`, `avx2` or `portable`.
  package static var instructionSet: String { unsafe String(cString: millrace_instruction_set()) }

  /// True if the processor has the instructions that OpenBLAS's SkylakeX kernels need.
  package static var hasAVX512: Bool { millrace_has_avx512() != 0 }

  package static func addBias(
    _ bias: FloatBuffer, to values: FloatBuffer, at offset: Int, rows: Int, columns: Int
  ) {
    precondition(offset >= 0 && offset + rows * columns <= values.count && columns <= bias.count)
    unsafe millrace_bias(values.base + offset, bias.base, rows, columns)
  }

  package static func biasGELU(_ bias: FloatBuffer, _ values: FloatBuffer, rows: Int, columns: Int) {
    precondition(rows * columns <= values.count && columns <= bias.count)
    unsafe millrace_bias_gelu(values.base, bias.base, rows, columns)
  }

  /// `values = layerNorm(values + bias + residual) × gamma + beta`, per row.
  package static func residualLayerNorm(
    _ values: FloatBuffer, bias: FloatBuffer?, residual: FloatBuffer, gamma: FloatBuffer, beta: FloatBuffer,
    epsilon: Float, rows: Int, columns: Int
  ) {
    precondition(rows * columns <= values.count && rows * columns <= residual.count)
    precondition(columns <= gamma.count && columns <= beta.count && columns <= bias?.count ?? columns)
    unsafe millrace_residual_layer_norm(
      values.base, bias?.base, residual.base, gamma.base, beta.base, epsilon, rows, columns)
  }

  package static func softmax(_ values: FloatBuffer, scale: Float, rows: Int, columns: Int) {
    precondition(rows * columns <= values.count)
    guard columns > 0 else { return }
    unsafe millrace_softmax(values.base, scale, rows, columns, columns)
  }

  /// The scalar version of the GELU kernel, for tests.
  package static func geluReference(_ x: Float) -> Float { millrace_gelu_reference(x) }
}
