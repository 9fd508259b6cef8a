/// Appends protobuf fields. Values that equal proto3's defaults are left out, as in Google's writers.
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func tag(_ field: UInt32, _ type: WireType) {
    varint(UInt64(field) << 3 | UInt64(type.rawValue))
  }

  mutating func uint(_ field: UInt32, _ value: some UnsignedInteger) {
    guard value != 0 else { return }
    tag(field, .varint)
    varint(UInt64(value))
  }

  mutating func int(_ field: UInt32, _ value: some SignedInteger) {
    guard value != 0 else { return }
    tag(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func bool(_ field: UInt32, _ value: Bool) { uint(field, value ? UInt8(1) : 0) }

  mutating func float(_ field: UInt32, _ value: Float) {
    guard value.bitPattern != 0 else { return }
    tag(field, .fixed32)
    for shift in stride(from: 0, to: 32, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }

  /// - Parameter always: also writes zero, as members of a `oneof` need.
  mutating func double(_ field: UInt32, _ value: Double, always: Bool = false) {
    guard always || value.bitPattern != 0 else { return }
    tag(field, .fixed64)
    for shift in stride(from: 0, to: 64, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
    }
  }

  mutating func alwaysBool(_ field: UInt32, _ value: Bool) {
    tag(field, .varint)
    varint(value ? 1 : 0)
  }

  mutating func string(_ field: UInt32, _ value: String, always: Bool = false) {
    guard always || !value.isEmpty else { return }
    tag(field, .bytes)
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  mutating func strings(_ field: UInt32, _ values: [String]) {
    for value in values { string(field, value, always: true) }
  }

  mutating func data(_ field: UInt32, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    tag(field, .bytes)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  mutating func message(_ field: UInt32, _ value: some WireMessage) {
    tag(field, .bytes)
    // Keep one byte for the length, because most messages are shorter than 128 bytes. A longer length replaces it.
    bytes.append(0)
    let start = bytes.count
    value.write(to: &self)
    let length = bytes.count - start
    guard length >= 0x80 else {
      bytes[start - 1] = UInt8(length)
      return
    }
    var prefix = WireWriter()
    prefix.varint(UInt64(length))
    bytes.replaceSubrange(start - 1..<start, with: prefix.bytes)
  }

  mutating func messages(_ field: UInt32, _ values: [some WireMessage]) {
    for value in values { message(field, value) }
  }

  mutating func packed(_ field: UInt32, _ values: [Int32]) {
    guard !values.isEmpty else { return }
    var inner = WireWriter()
    for value in values { inner.varint(UInt64(bitPattern: Int64(value))) }
    data(field, inner.bytes)
  }

  mutating func packed(_ field: UInt32, _ values: [Float]) {
    guard !values.isEmpty else { return }
    tag(field, .bytes)
    varint(UInt64(values.count * 4))
    WireFloats.append(values, to: &bytes)
  }
}
