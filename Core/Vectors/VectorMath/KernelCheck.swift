/// Compares OpenBLAS with scalar loops on odd shapes.
///
/// Some builds compute wrong results or crash on some processors. So a kernel family is forced only after a
/// child process has passed this check.
package enum KernelCheck {
  /// - Returns: the first operation and shape with a wrong result; nil when all results agree.
  package static func firstMismatch() -> String? {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func random() -> Float {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Float(state >> 40) / Float(1 << 24) - 0.5
    }
    for (rows, columns, depth) in [
      (1, 1, 1), (3, 7, 5), (14, 384, 384), (17, 33, 129), (65, 31, 384), (128, 96, 64),
    ] {
      let a = (0..<rows * depth).map { _ in random() }
      let b = (0..<columns * depth).map { _ in random() }
      let c = FloatBuffer(count: rows * columns)
      let left = Matrix(FloatBuffer(a), rowCount: rows, columnCount: depth)
      BLAS.multiply(
        left, transposed: Matrix(FloatBuffer(b), rowCount: columns, columnCount: depth),
        into: Matrix(c, rowCount: rows, columnCount: columns))
      let y = FloatBuffer(count: rows)
      BLAS.multiply(left, vector: FloatBuffer(Array(b[0..<depth])), into: y)
      // Each sum has `depth` products of at most 1/4. Rounding errors stay far below this tolerance.
      let tolerance = 1e-5 * Float(depth).squareRoot() + 1e-6
      for row in 0..<rows {
        for column in 0..<columns {
          var sum: Double = 0
          for index in 0..<depth { sum += Double(a[row * depth + index]) * Double(b[column * depth + index]) }
          let got = c[row * columns + column]
          if !(abs(got - Float(sum)) <= tolerance) { return "sgemm \(rows)x\(columns)x\(depth)" }
          if column == 0, !(abs(y[row] - Float(sum)) <= tolerance) { return "sgemv \(rows)x\(depth)" }
        }
      }
    }
    return nil
  }
}
