struct WireTurn: WireMessage {
  var role = "", text = ""
  init() {}
  init(_ turn: QueryRecord.Turn) {
    role = turn.role.rawValue
    text = turn.text
  }
  func write(to writer: inout WireWriter) {
    writer.string(1, role)
    writer.string(2, text)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: role = try reader.string()
    case 2: text = try reader.string()
    default: return false
    }
    return true
  }
}
