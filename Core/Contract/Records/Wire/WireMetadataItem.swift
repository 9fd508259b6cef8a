/// An element of a list in metadata: an entry that can't be a list itself, so that lists are never nested.
struct WireMetadataItem: WireMessage {
  var entry = WireMetadataEntry()

  init() {}

  func write(to writer: inout WireWriter) { entry.write(to: &writer) }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    field == 6 ? false : try entry.read(field, from: &reader)
  }
}
