/// Writes big-endian fields up to a limit, because a short request can ask for the same data many times.
struct ProtocolWriter {
  static let bytesMax = 128 << 20
  private(set) var bytes: [UInt8] = []
  /// True when fields were dropped because they did not fit. The response must then not be sent.
  private(set) var hasOverflowed = false

  private mutating func hasRoom(_ count: Int) -> Bool {
    if bytes.count + count > Self.bytesMax { hasOverflowed = true }
    return !hasOverflowed
  }

  private mutating func integer(_ value: UInt64, _ count: Int) {
    guard hasRoom(count) else { return }
    for shift in stride(from: (count - 1) * 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  mutating func int8(_ value: Int8) { integer(UInt64(UInt8(bitPattern: value)), 1) }
  mutating func int16(_ value: Int16) { integer(UInt64(UInt16(bitPattern: value)), 2) }
  mutating func int32(_ value: Int32) { integer(UInt64(UInt32(bitPattern: value)), 4) }
  mutating func int64(_ value: Int64) { integer(UInt64(bitPattern: value), 8) }
  mutating func bool(_ value: Bool) { int8(value ? 1 : 0) }
  mutating func error(_ code: ErrorCode) { int16(code.rawValue) }

  mutating func string(_ value: String?) {
    guard let value else { return int16(-1) }
    int16(Int16(clamping: value.utf8.count))
    guard hasRoom(value.utf8.count) else { return }
    bytes.append(contentsOf: value.utf8.prefix(Int(Int16.max)))
  }

  mutating func data(_ value: [UInt8]?) {
    guard let value else { return int32(-1) }
    int32(Int32(clamping: value.count))
    guard hasRoom(value.count) else { return }
    bytes.append(contentsOf: value)
  }

  mutating func array<Element>(_ items: [Element], _ write: (inout ProtocolWriter, Element) -> Void) {
    int32(Int32(clamping: items.count))
    for item in items where !hasOverflowed { write(&self, item) }
  }

  mutating func unsignedVarint(_ value: Int) {
    var rest = UInt64(value)
    while rest >= 0x80 {
      integer(rest & 0x7F | 0x80, 1)
      rest >>= 7
    }
    integer(rest, 1)
  }
}
