/// The time, memory and bytes that parsing one document may take, and what is read of it.
package struct ParsingLimits: Sendable {
  /// The limit for all child processes of one document together.
  package var timeout: Duration
  package var memoryBytesMax: Int
  /// The limit for the extracted text, and for decompressed content.
  package var textBytesMax: Int
  /// Whether `nav`, `aside`, `header` and `footer` of HTML are read wherever they are.
  package var readsMargins = false

  package init(timeout: Duration, memoryBytesMax: Int, textBytesMax: Int) {
    self.timeout = timeout
    self.memoryBytesMax = memoryBytesMax
    self.textBytesMax = textBytesMax
  }
}
