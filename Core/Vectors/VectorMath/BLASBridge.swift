internal import CKernels
internal import COpenBLAS

/// Dense linear algebra over OpenBLAS, one thread per call; callers parallelise over lists and batches.
package enum BLAS {
  /// Must be called before other threads use OpenBLAS: it keeps one global thread count.
  package static func useOneThread() { openblas_set_num_threads(1) }

  /// The kernel family that OpenBLAS chose (`Haswell`, `SkylakeX`, `Zen`).
  package static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  /// `c = a × bᵀ`, row-major: `a` is `rowCount × depth`, `b` is `columnCount × depth`.
  ///
  /// Offsets count floats; strides are the distance of rows.
  package static func multiplyTransposed(
    _ a: FloatBuffer, at aOffset: Int, stride aStride: Int, _ b: FloatBuffer, at bOffset: Int,
    stride bStride: Int,
    into c: FloatBuffer, at cOffset: Int, stride cStride: Int, rowCount: Int, columnCount: Int, depth: Int
  ) {
    guard rowCount > 0, columnCount > 0, depth > 0 else { return }
    precondition(aOffset >= 0 && aOffset + (rowCount - 1) * aStride + depth <= a.count)
    precondition(bOffset >= 0 && bOffset + (columnCount - 1) * bStride + depth <= b.count)
    precondition(cOffset >= 0 && cOffset + (rowCount - 1) * cStride + columnCount <= c.count)
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rowCount), Int32(columnCount), Int32(depth), 1,
      a.base + aOffset, Int32(aStride), b.base + bOffset, Int32(bStride), 0, c.base + cOffset, Int32(cStride))
  }

  /// `c = a × b`, row-major: `a` is `rowCount × depth`, `b` is `depth × columnCount`.
  package static func multiply(
    _ a: FloatBuffer, at aOffset: Int, stride aStride: Int, _ b: FloatBuffer, at bOffset: Int,
    stride bStride: Int,
    into c: FloatBuffer, at cOffset: Int, stride cStride: Int, rowCount: Int, columnCount: Int, depth: Int
  ) {
    guard rowCount > 0, columnCount > 0, depth > 0 else { return }
    precondition(aOffset >= 0 && aOffset + (rowCount - 1) * aStride + depth <= a.count)
    precondition(bOffset >= 0 && bOffset + (depth - 1) * bStride + columnCount <= b.count)
    precondition(cOffset >= 0 && cOffset + (rowCount - 1) * cStride + columnCount <= c.count)
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rowCount), Int32(columnCount), Int32(depth), 1,
      a.base + aOffset, Int32(aStride), b.base + bOffset, Int32(bStride), 0, c.base + cOffset, Int32(cStride))
  }

  /// `y = a × x`, `a` row-major `rowCount × depth`.
  package static func multiply(
    _ a: FloatBuffer, vector x: FloatBuffer, into y: FloatBuffer, rowCount: Int, depth: Int
  ) {
    guard rowCount > 0, depth > 0 else { return }
    precondition(rowCount * depth <= a.count && depth <= x.count && rowCount <= y.count)
    unsafe cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(rowCount), Int32(depth), 1, a.base, Int32(depth), x.base, 1, 0,
      y.base, 1)
  }
}

/// The element-wise kernels of the encoder (`Core/C/CKernels`).
package enum Kernels {
  /// `avx512`, `avx2` or `portable`.
  package static var instructionSet: String { unsafe String(cString: millrace_instruction_set()) }

  /// Whether the processor has what OpenBLAS's SkylakeX kernels need.
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

  /// The scalar twin of the GELU kernel, for tests.
  package static func geluReference(_ x: Float) -> Float { millrace_gelu_reference(x) }
}
