/// An element of a list in metadata: an entry without a list of its own, so that no record nests them.
struct WireMetadataItem: WireMessage {
  var entry = WireMetadataEntry()

  init() {}

  func write(to writer: inout WireWriter) { entry.write(to: &writer) }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    field == 6 ? false : try entry.read(field, from: &reader)
  }
}
