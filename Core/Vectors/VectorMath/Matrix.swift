/// A row-major matrix that lies in a buffer, whole or as a part of a wider one.
package struct Matrix: Sendable {
  package let buffer: FloatBuffer
  /// Index of the first float.
  package let offset: Int
  package let rowCount: Int
  package let columnCount: Int
  /// Floats from the start of one row to the start of the next.
  package let stride: Int

  /// - Parameter stride: nil means that the rows follow each other without a gap.
  /// - Precondition: the matrix lies within the buffer.
  package init(
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
