struct WireMetadataEntry: WireMessage {
  var name = ""
  var value: MetadataValue?

  init() {}
  init(name: String, value: MetadataValue) {
    self.name = name
    self.value = value
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, name)
    switch value {
    case .string(let text): writer.string(2, text, always: true)
    case .number(let number): writer.double(3, number, always: true)
    case .bool(let flag): writer.alwaysBool(4, flag)
    case nil: break
    }
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: name = try reader.string()
    case 2: value = .string(try reader.string())
    case 3: value = .number(try reader.double())
    case 4: value = .bool(try reader.bool())
    default: return false
    }
    return true
  }
}
