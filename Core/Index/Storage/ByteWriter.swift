/// Appends numbers and strings as the index's files store them: `uint32` and `uint64` little-endian, all other numbers
/// and lengths as varints.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func uint32(_ value: UInt32) {
    for shift in stride(from: 0, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
    }
  }

  package mutating func uint64(_ value: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// - Precondition: `value` is not negative.
  package mutating func count(_ value: Int) { varint(UInt64(value)) }
  package mutating func int(_ value: Int64) { varint(UInt64(bitPattern: value)) }
  package mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

  /// Appends the bytes without their number.
  package mutating func raw(_ value: [UInt8]) { bytes += value }

  package mutating func data(_ value: [UInt8]) {
    count(value.count)
    bytes += value
  }

  package mutating func string(_ value: String) {
    count(value.utf8.count)
    bytes += value.utf8
  }
}
