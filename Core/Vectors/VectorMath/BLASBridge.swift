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
