import VectorMath

/// A row-major matrix that lies in a buffer, whole or as a part of a wider one.
struct Matrix: Sendable {
  let buffer: FloatBuffer
  /// Index of the first float.
  let offset: Int
  let rowCount: Int
  let columnCount: Int
  /// Floats from the start of one row to the start of the next.
  let stride: Int

  /// - Parameter stride: nil means that the rows follow each other without a gap.
  /// - Precondition: the matrix lies within the buffer.
  init(
    _ buffer: FloatBuffer, at offset: Int = 0, rowCount: Int, columnCount: Int, stride: Int? = nil
  ) {
    let stride = stride ?? columnCount
    precondition(
      rowCount >= 0 && columnCount >= 0 && stride >= columnCount && offset >= 0
        && (rowCount == 0 || offset + (rowCount - 1) * stride + columnCount <= buffer.count),
      "\(rowCount) x \(columnCount), stride \(stride), at \(offset) of \(buffer.count) floats")
    self.buffer = buffer
    self.offset = offset
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.stride = stride
  }
}
