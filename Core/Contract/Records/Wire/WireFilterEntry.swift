struct WireFilterEntry: WireMessage {
  var name = ""
  var values: [WireMetadataEntry] = []
  init() {}
  init(name: String, values: [MetadataValue]) {
    self.name = name
    self.values = values.map { WireMetadataEntry(name: "", value: $0) }
  }
  func write(to writer: inout WireWriter) {
    writer.string(1, name)
    writer.messages(2, values)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: name = try reader.string()
    case 2: values.append(try reader.message(WireMetadataEntry.self))
    default: return false
    }
    return true
  }
}
