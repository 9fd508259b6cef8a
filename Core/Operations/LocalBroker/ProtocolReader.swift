/// Reads big-endian fields. Every access is checked, so that no frame can trap.
struct ProtocolReader {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var remaining: Int { bytes.count - position }

  private mutating func take(_ count: Int) throws(ProtocolError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else { throw ProtocolError(rule: "the frame ends inside a field") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func integer(_ count: Int) throws(ProtocolError) -> UInt64 {
    try take(count).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func int8() throws(ProtocolError) -> Int8 { Int8(truncatingIfNeeded: try integer(1)) }
  mutating func int16() throws(ProtocolError) -> Int16 { Int16(truncatingIfNeeded: try integer(2)) }
  mutating func int32() throws(ProtocolError) -> Int32 { Int32(truncatingIfNeeded: try integer(4)) }
  mutating func int64() throws(ProtocolError) -> Int64 { Int64(truncatingIfNeeded: try integer(8)) }
  mutating func bool() throws(ProtocolError) -> Bool { try int8() != 0 }

  mutating func nullableString() throws(ProtocolError) -> String? {
    let length = try int16()
    guard length >= 0 else { return nil }
    guard let text = String(validating: try take(Int(length)), as: UTF8.self) else {
      throw ProtocolError(rule: "a string is not UTF-8")
    }
    return text
  }

  mutating func string() throws(ProtocolError) -> String {
    guard let text = try nullableString() else { throw ProtocolError(rule: "a string is null") }
    return text
  }

  mutating func nullableData() throws(ProtocolError) -> [UInt8]? {
    let length = try int32()
    guard length >= 0 else { return nil }
    return Array(try take(Int(length)))
  }

  mutating func data() throws(ProtocolError) -> [UInt8] { try nullableData() ?? [] }

  /// An array; nil when its length is negative. Its length is limited by the bytes that are left in the
  /// frame.
  mutating func nullableArray<Element>(
    _ element: (inout ProtocolReader) throws(ProtocolError) -> Element
  ) throws(ProtocolError) -> [Element]? {
    let count = try int32()
    guard count >= 0 else { return nil }
    guard Int(count) <= remaining else { throw ProtocolError(rule: "an array longer than its frame") }
    var items: [Element] = []
    for _ in 0..<count { items.append(try element(&self)) }
    return items
  }

  mutating func array<Element>(
    _ element: (inout ProtocolReader) throws(ProtocolError) -> Element
  ) throws(ProtocolError) -> [Element] { try nullableArray(element) ?? [] }

  private mutating func unsignedVarint() throws(ProtocolError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 35, by: 7) {
      let byte = try integer(1)
      value |= (byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw ProtocolError(rule: "a varint longer than five bytes")
  }

  /// Skips the tagged fields of flexible versions. This broker knows none of them.
  mutating func skipTaggedFields() throws(ProtocolError) {
    let count = try unsignedVarint()
    guard count <= UInt64(remaining) else { throw ProtocolError(rule: "more tagged fields than bytes") }
    for _ in 0..<count {
      _ = try unsignedVarint()
      let length = try unsignedVarint()
      guard length <= UInt64(remaining) else { throw ProtocolError(rule: "a tagged field beyond the frame") }
      _ = try take(Int(length))
    }
  }
}
