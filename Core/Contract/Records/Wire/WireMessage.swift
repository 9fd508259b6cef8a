/// A message of `millrace.proto`.
protocol WireMessage: Sendable {
  init()
  func write(to writer: inout WireWriter)
  /// Takes one field; unknown numbers are skipped by the caller when this returns false.
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool
  /// Called when all fields are read; refuses numbers that readers must not calculate with.
  func check() throws(WireError)
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
