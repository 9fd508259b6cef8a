/// Compares OpenBLAS with scalar loops on odd shapes: some builds compute wrong results or crash on some
/// processors, so a forced kernel family is adopted only after a child process passed this.
package enum KernelCheck {
  /// - Returns: the shape that differs, nil when all agree.
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
      BLAS.multiplyTransposed(
        FloatBuffer(a), at: 0, stride: depth, FloatBuffer(b), at: 0, stride: depth, into: c, at: 0,
        stride: columns, rowCount: rows, columnCount: columns, depth: depth)
      let y = FloatBuffer(count: rows)
      BLAS.multiply(
        FloatBuffer(a), vector: FloatBuffer(Array(b[0..<depth])), into: y, rowCount: rows, depth: depth)
      // Sums of `depth` products below 1/4 each: float rounding stays far under this.
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
