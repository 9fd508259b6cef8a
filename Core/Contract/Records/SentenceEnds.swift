/// The ends of the sentences, lines or rows of a chunk's text. Ingest finds them, because it knows the document's
/// structure, which the text alone does not show. They are stored like protobuf's packed numbers, mostly one or two
/// bytes each.
package struct SentenceEnds: Sendable, Equatable {
  /// Packed varints.
  package let bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }

  /// - Parameter ends: byte offsets in the text, in order.
  package init(_ ends: [Int]) {
    var bytes: [UInt8] = []
    for end in ends {
      var rest = UInt32(clamping: end)
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
    self.bytes = bytes
  }

  /// The ends in ascending order, at most `limit` each. Other values are left out, and so is all after a malformed one.
  package func ends(limit: Int) -> [Int] {
    var ends: [Int] = []
    var (value, shift) = (0, 0)
    for byte in bytes {
      value |= Int(byte & 0x7F) << shift
      shift += 7
      if byte >= 0x80 {
        if shift > 28 { return ends }
        continue
      }
      if value > ends.last ?? 0, value <= limit { ends.append(value) }
      (value, shift) = (0, 0)
    }
    return ends
  }
}
