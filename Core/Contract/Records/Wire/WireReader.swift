/// Reads the fields of one message. Every access is checked, so no input can trap: a malformed message
/// throws a `WireError` with the position.
struct WireReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private var type: WireType = .varint

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  private func error(_ rule: String) -> WireError { WireError(position: position, rule: rule) }

  /// Reads the next field's number and type; nil at the end of the message.
  mutating func nextField() throws(WireError) -> UInt32? {
    guard position < bytes.endIndex else { return nil }
    let tag = try rawVarint()
    guard let type = WireType(rawValue: UInt8(tag & 7)) else { throw error("unknown wire type \(tag & 7)") }
    guard let field = UInt32(exactly: tag >> 3), (1...536_870_911).contains(field) else {
      throw error("field number out of range")
    }
    self.type = type
    return field
  }

  mutating func skip() throws(WireError) {
    switch type {
    case .varint: _ = try rawVarint()
    case .fixed64: _ = try take(8)
    case .bytes: _ = try slice()
    case .fixed32: _ = try take(4)
    }
  }

  private mutating func expect(_ expected: WireType) throws(WireError) {
    guard type == expected else { throw error("wire type \(type) where \(expected) is expected") }
  }

  private mutating func rawVarint() throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < bytes.endIndex else { throw error("ends inside a varint") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw error("a varint longer than ten bytes")
  }

  private mutating func take(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
    guard count <= bytes.endIndex - position else { throw error("ends inside a field") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func slice() throws(WireError) -> ArraySlice<UInt8> {
    guard let count = Int(exactly: try rawVarint()) else { throw error("a length beyond the message") }
    return try take(count)
  }

  mutating func uint64() throws(WireError) -> UInt64 {
    try expect(.varint)
    return try rawVarint()
  }
  mutating func uint32() throws(WireError) -> UInt32 { UInt32(truncatingIfNeeded: try uint64()) }
  mutating func int64() throws(WireError) -> Int64 { Int64(bitPattern: try uint64()) }
  mutating func int32() throws(WireError) -> Int32 { Int32(truncatingIfNeeded: try uint64()) }
  mutating func bool() throws(WireError) -> Bool { try uint64() != 0 }

  mutating func float() throws(WireError) -> Float {
    try expect(.fixed32)
    return Float(bitPattern: try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
  }

  mutating func double() throws(WireError) -> Double {
    try expect(.fixed64)
    return Double(bitPattern: try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
  }

  mutating func data() throws(WireError) -> [UInt8] {
    try expect(.bytes)
    return Array(try slice())
  }

  mutating func string() throws(WireError) -> String {
    try expect(.bytes)
    let content = try slice()
    guard let text = String(validating: content, as: UTF8.self) else {
      throw error("a string is not valid UTF-8")
    }
    return text
  }

  /// The bytes of a message that is read later.
  mutating func messageBytes() throws(WireError) -> ArraySlice<UInt8> {
    try expect(.bytes)
    return try slice()
  }

  mutating func message<Message: WireMessage>(_ type: Message.Type) throws(WireError) -> Message {
    try expect(.bytes)
    var inner = WireReader(try slice())
    return try Message(reading: &inner)
  }

  /// Reads packed values, or one value per field, which protobuf also allows.
  mutating func int32s(into values: inout [Int32]) throws(WireError) {
    if type == .varint {
      values.append(try int32())
      return
    }
    try expect(.bytes)
    var inner = WireReader(try slice())
    while inner.position < inner.bytes.endIndex {
      values.append(Int32(truncatingIfNeeded: try inner.rawVarint()))
    }
  }

  mutating func floats(into values: inout [Float]) throws(WireError) {
    if type == .fixed32 {
      values.append(try float())
      return
    }
    try expect(.bytes)
    let content = try slice()
    guard content.count % 4 == 0 else { throw error("packed floats of \(content.count) bytes") }
    WireFloats.append(content, to: &values)
  }
}
