/// A version of a document: the epoch of `rag.documents` and the offset of the document's record there. A document that
/// was read again by a newer reader has a version of its own, above the one that it was read from and below every later
/// record's.
package struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var epoch: UInt32
  /// The offset of the record that holds the content.
  package var offset: Int64
  /// The offset of the request to read the record again, which is after `offset`; 0 if the record was not read again.
  package var reading: Int64

  package init(epoch: UInt32, offset: Int64, reading: Int64 = 0) {
    self.epoch = epoch
    self.offset = offset
    self.reading = reading
  }

  /// The highest epoch that is read. It is below the maximum of `ingest.epoch`, so that this setting can always be
  /// raised above every version that was read.
  package static let epochMax: UInt32 = 999_999

  /// No partition gets so many records, and sums with an offset can't overflow.
  package static let offsetMax: Int64 = 1 << 53

  /// Reads `epoch.offset` or `epoch.offset.reading`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), let epoch = UInt32(parts[0]), epoch <= Self.epochMax,
      let offset = Int64(parts[1])
    else { return nil }
    var reading: Int64 = 0
    if parts.count == 3 {
      guard let number = Int64(parts[2]), number > 0 else { return nil }
      reading = number
    }
    guard Self.isPossible(offset: offset, reading: reading) else { return nil }
    self.init(epoch: epoch, offset: offset, reading: reading)
  }

  static func isPossible(offset: Int64, reading: Int64) -> Bool {
    (0...offsetMax).contains(offset) && (reading == 0 || (offset + 1...offsetMax + 1).contains(reading))
  }

  package var description: String { reading == 0 ? "\(epoch).\(offset)" : "\(epoch).\(offset).\(reading)" }

  /// The offset of the record by which the version was accepted. Versions are accepted in the order of these offsets.
  package var acceptedAt: Int64 { reading == 0 ? offset : reading }

  /// Whether this version was accepted before `other`, of the same partition.
  package func wasAccepted(before other: Version) -> Bool {
    (epoch, acceptedAt) < (other.epoch, other.acceptedAt)
  }

  package static func < (a: Version, b: Version) -> Bool {
    (a.epoch, a.offset, a.reading) < (b.epoch, b.offset, b.reading)
  }
}
