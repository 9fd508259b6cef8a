struct WirePosting: WireMessage {
  var posting = Hit.Posting(term: 0, frequency: 0)
  init() {}
  init(_ posting: Hit.Posting) { self.posting = posting }
  func write(to writer: inout WireWriter) {
    writer.uint(1, posting.term)
    writer.uint(2, posting.frequency)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: posting.term = try reader.uint32()
    case 2: posting.frequency = try reader.uint32()
    default: return false
    }
    return true
  }
}
