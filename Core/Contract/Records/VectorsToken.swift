/// A partition of `rag.vectors`, and the next offset after the records of the version that a status event
/// reports.
package struct VectorsToken: Sendable, Hashable, CustomStringConvertible {
  package var partition: Int32
  package var nextOffset: Int64

  package init(partition: Int32, nextOffset: Int64) {
    self.partition = partition
    self.nextOffset = nextOffset
  }

  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let partition = Int32(parts[0]), let offset = Int64(parts[1]), partition >= 0,
      offset >= 0
    else { return nil }
    self.init(partition: partition, nextOffset: offset)
  }

  package var description: String { "\(partition):\(nextOffset)" }
}
