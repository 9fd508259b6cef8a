/// Appends protobuf fields. Values that equal proto3's defaults are left out, as Google's writers do.
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

  /// - Parameter always: writes zero too (members of a oneof).
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
    var inner = WireWriter()
    value.write(to: &inner)
    tag(field, .bytes)
    varint(UInt64(inner.bytes.count))
    bytes.append(contentsOf: inner.bytes)
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

/// A message of `millrace.proto`.
protocol WireMessage: Sendable {
  init()
  func write(to writer: inout WireWriter)
  /// Takes one field; unknown numbers are skipped by the caller when this returns false.
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool
  /// Called when all fields are read; refuses numbers that readers must not calculate with.
  func check() throws(WireError)
}

/// Numbers of records that readers add and subtract without a thought; JSON's readers keep them, too.
enum WireBounds {
  static let numberMax: Int64 = 1 << 53

  /// A byte range in a document's text.
  static func check(start: UInt64, end: UInt64) throws(WireError) {
    guard start <= end, end <= UInt64(numberMax) else {
      throw WireError(position: 0, rule: "a text from byte \(start) to byte \(end)")
    }
  }

  /// A time since 1970, whatever its unit.
  static func check(_ name: String, time: Int64) throws(WireError) {
    guard (0...numberMax).contains(time) else {
      throw WireError(position: 0, rule: "\(name) is \(time), out of 0 to \(numberMax)")
    }
  }
}

extension WireMessage {
  func check() throws(WireError) {}

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }

  /// - Throws: `WireError` for bytes that are no such message.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    try self.init(reading: &reader)
  }

  init(reading reader: inout WireReader) throws(WireError) {
    self.init()
    while let field = try reader.nextField() {
      if try !read(field, from: &reader) { try reader.skip() }
    }
    try check()
  }
}

/// Why bytes are not the expected message.
package struct WireError: Error, Sendable, CustomStringConvertible {
  package var position: Int
  package var rule: String
  package var description: String { "byte \(position): \(rule)" }
}

enum WireType: UInt8 { case varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 }

/// Walks the fields of one message; every access is checked, so that no bytes can trap.
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

  mutating func message<Message: WireMessage>(_ type: Message.Type) throws(WireError) -> Message {
    try expect(.bytes)
    var inner = WireReader(try slice())
    return try Message(reading: &inner)
  }

  /// Packed or, as older writers did, one value per field.
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

/// Vectors are copied as they lie: protobuf's floats are little-endian, as are the machines we run on.
enum WireFloats {
  static func append(_ values: [Float], to bytes: inout [UInt8]) {
    unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  /// - Precondition: `content.count` is a multiple of 4.
  static func append(_ content: ArraySlice<UInt8>, to values: inout [Float]) {
    let count = content.count / 4
    let copied = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe content.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      }
      initialized = count
    }
    if values.isEmpty { values = copied } else { values.append(contentsOf: copied) }
  }
}
