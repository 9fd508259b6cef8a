/// A record of `rag.chunks`: one part of the chunks of a document version.
package struct ChunkBatch: Sendable, Equatable {
  package var header: PartHeader
  package var chunks: [Chunk]

  package init(header: PartHeader, chunks: [Chunk]) {
    self.header = header
    self.chunks = chunks
  }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    PartFields(header, chunks: chunks).write(to: &writer)
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not a valid `ChunkBatch` message, or have a newer format.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var fields = PartFields()
    while let field = try reader.nextField() {
      if try !fields.read(field, from: &reader) { try reader.skip() }
    }
    self.init(header: try fields.header(), chunks: fields.chunks)
  }
}
