/// A version of a document: the epoch of `rag.documents` and the offset of the document's record there.
package struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var epoch: UInt32
  package var offset: Int64

  package init(epoch: UInt32, offset: Int64) {
    self.epoch = epoch
    self.offset = offset
  }

  /// The setting `ingest.epoch` can be raised beyond every version that is read.
  package static let epochMax: UInt32 = 999_999

  /// No log gets so long, and sums with an offset can't overflow.
  package static let offsetMax: Int64 = 1 << 53

  /// Reads `epoch.offset`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let epoch = UInt32(parts[0]), epoch <= Self.epochMax,
      let offset = Int64(parts[1]), (0...Self.offsetMax).contains(offset)
    else {
      return nil
    }
    self.init(epoch: epoch, offset: offset)
  }

  package var description: String { "\(epoch).\(offset)" }

  package static func < (a: Version, b: Version) -> Bool { (a.epoch, a.offset) < (b.epoch, b.offset) }
}
