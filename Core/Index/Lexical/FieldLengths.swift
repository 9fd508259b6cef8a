/// The number of terms in each field of a chunk, at most 65,535: two bytes for each field, the first field in the
/// lowest ones.
package struct FieldLengths: Hashable, Sendable {
  package private(set) var bits: UInt64

  package init(bits: UInt64 = 0) { self.bits = bits }

  package subscript(field: TermField) -> UInt64 { bits >> (UInt64(field.rawValue) * 16) & 0xFFFF }

  mutating func set(_ field: TermField, to count: Int) {
    let shift = UInt64(field.rawValue) * 16
    bits = bits & ~(0xFFFF << shift) | UInt64(min(count, 0xFFFF)) << shift
  }
}
