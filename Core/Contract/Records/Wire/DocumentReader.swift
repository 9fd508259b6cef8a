/// Reads the documents of a record's hits, each once: many hits are chunks of few documents.
struct DocumentReader {
  private var known: [(bytes: ArraySlice<UInt8>, info: DocumentInfo)] = []

  /// - Throws: `WireError` when the bytes are not a `Document` of `millrace.proto`, or one that can't be used.
  mutating func info(_ bytes: ArraySlice<UInt8>) throws(WireError) -> DocumentInfo {
    // The bytes begin with tenant and id, so comparing different documents ends early.
    if let same = known.last(where: { $0.bytes == bytes }) { return same.info }
    var reader = WireReader(bytes)
    let info = try WireDocument(reading: &reader).info()
    known.append((bytes, info))
    return info
  }
}
