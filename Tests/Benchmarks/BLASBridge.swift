import COpenBLAS
import VectorMath

/// Dense linear algebra with OpenBLAS, one thread per call.
enum BLAS {
  /// Must be called before other threads use OpenBLAS, because its thread count is global.
  static func useOneThread() { openblas_set_num_threads(1) }

  /// The kernel family that OpenBLAS chose (`Haswell`, `SkylakeX`, `Zen`).
  static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  /// `c = a × bᵀ`.
  ///
  /// - Precondition: `a` and `b` have the same number of columns; `c` has a row per row of `a` and a column
  ///   per row of `b`.
  static func multiply(_ a: Matrix, transposed b: Matrix, into c: Matrix) {
    precondition(
      a.columnCount == b.columnCount && c.rowCount == a.rowCount && c.columnCount == b.rowCount)
    multiply(a, b, CblasTrans, into: c)
  }

  /// `c = a × b`.
  ///
  /// - Precondition: `b` has a row per column of `a`; `c` has a row per row of `a` and a column per column
  ///   of `b`.
  static func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix) {
    precondition(
      a.columnCount == b.rowCount && c.rowCount == a.rowCount && c.columnCount == b.columnCount)
    multiply(a, b, CblasNoTrans, into: c)
  }

  private static func multiply(_ a: Matrix, _ b: Matrix, _ order: CBLAS_TRANSPOSE, into c: Matrix) {
    guard c.rowCount > 0, c.columnCount > 0, a.columnCount > 0 else { return }
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, order, Int32(c.rowCount), Int32(c.columnCount), Int32(a.columnCount), 1,
      a.buffer.pointer + a.offset, Int32(a.stride), b.buffer.pointer + b.offset, Int32(b.stride), 0,
      UnsafeMutablePointer(mutating: c.buffer.pointer) + c.offset, Int32(c.stride))
  }

  /// `y = a × x`.
  ///
  /// - Precondition: `x` holds a float per column of `a`, `y` has room for one per row.
  static func multiply(_ a: Matrix, vector x: FloatBuffer, into y: FloatBuffer) {
    guard a.rowCount > 0, a.columnCount > 0 else { return }
    precondition(a.columnCount <= x.count && a.rowCount <= y.count)
    unsafe cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(a.rowCount), Int32(a.columnCount), 1, a.buffer.pointer + a.offset,
      Int32(a.stride), x.pointer, 1, 0, UnsafeMutablePointer(mutating: y.pointer), 1)
  }
}
