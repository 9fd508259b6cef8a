/// A message of `millrace.proto`.
protocol WireMessage: Sendable {
  init()
  func write(to writer: inout WireWriter)
  /// Reads one field.
  ///
  /// - Returns: false for an unknown field number; the caller then skips the field.
  /// - Throws: `WireError` when the field is malformed or has another wire type.
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool
  /// Called when all fields have been read.
  ///
  /// - Throws: `WireError` when a number is outside `WireBounds`.
  func check() throws(WireError)
}

extension WireMessage {
  /// Accepts every message.
  func check() throws(WireError) {}

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not such a message.
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
