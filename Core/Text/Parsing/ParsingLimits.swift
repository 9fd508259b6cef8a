/// What one document may cost.
package struct ParsingLimits: Sendable {
  /// For all child processes of one document together.
  package var timeout: Duration
  package var memoryBytesMax: Int
  /// Of the extracted text, and of what is unpacked on the way.
  package var textBytesMax: Int
  package init(timeout: Duration, memoryBytesMax: Int, textBytesMax: Int) {
    self.timeout = timeout
    self.memoryBytesMax = memoryBytesMax
    self.textBytesMax = textBytesMax
  }
}
