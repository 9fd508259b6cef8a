/// How often a term occurs in each field of a chunk, at most 255 times: a byte for each field, the first field in the
/// lowest one.
package struct TermCounts: Hashable, Sendable {
  package private(set) var bits: UInt32

  package init(bits: UInt32) { self.bits = bits }

  package subscript(field: TermField) -> UInt32 { bits >> (UInt32(field.rawValue) * 8) & 0xFF }

  mutating func add(_ field: TermField) {
    if self[field] < 0xFF { bits += 1 << (UInt32(field.rawValue) * 8) }
  }
}
