struct WireFault: WireMessage {
  var error = RecordError(rawCode: "", field: "", message: "")
  init() {}
  init(_ error: RecordError) { self.error = error }

  func write(to writer: inout WireWriter) {
    writer.string(1, error.code)
    writer.string(2, error.field)
    writer.string(3, error.message)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: error.code = try reader.string()
    case 2: error.field = try reader.string()
    case 3: error.message = try reader.string()
    default: return false
    }
    return true
  }
}
