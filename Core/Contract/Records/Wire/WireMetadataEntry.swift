struct WireMetadataEntry: WireMessage {
  var name = ""
  var value: MetadataValue?
  private var list: [MetadataValue] = []

  init() {}
  init(name: String, value: MetadataValue) {
    self.name = name
    self.value = value
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, name)
    switch value {
    case .string(let text): writer.string(2, text, always: true)
    case .number(let number):
      writer.double(3, number.double, always: true)
      // Earlier releases read only the double, so the exact number is written beside it.
      if ExactNumber(number.double) != number { writer.string(5, number.text) }
    case .bool(let flag): writer.alwaysBool(4, flag)
    case .list(let values): writer.messages(6, values.map { WireMetadataEntry(name: "", value: $0) })
    case nil: break
    }
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: name = try reader.string()
    case 2: value = .string(try reader.string())
    case 3: value = ExactNumber(try reader.double()).map(MetadataValue.number)
    case 4: value = .bool(try reader.bool())
    case 5: if let number = ExactNumber(try reader.string()) { value = .number(number) }
    case 6:
      let item = try reader.message(WireMetadataItem.self).entry.value
      guard let item, list.count < MetadataValue.listMax else { break }
      list.append(item)
      value = .list(list)
    default: return false
    }
    return true
  }
}
