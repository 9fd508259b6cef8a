/// The fields that `ChunkBatch` and `VectorBatch` share, while a record is read or written.
struct PartFields {
  var format: UInt32 = 0
  var document = WireDocument()
  var digest: [UInt8] = []
  var part: UInt32 = 0
  var partCount: UInt32 = 0
  var chunkCount: UInt32 = 0
  var model = ""
  var chunks: [Chunk] = []
  var requestID = ""

  init() {}

  init(_ header: PartHeader, chunks: [Chunk]) {
    format = header.format
    document = WireDocument(header.document)
    digest = header.digest
    part = header.part
    partCount = header.partCount
    chunkCount = header.chunkCount
    model = header.model
    self.chunks = chunks
    requestID = header.requestID
  }

  func header() throws(WireError) -> PartHeader {
    guard (1...PartHeader.formatNewest).contains(format) else {
      throw WireError(
        position: 0, rule: "format \(format) is not one of 1 to \(PartHeader.formatNewest)",
        isNewer: format > PartHeader.formatNewest)
    }
    var header = PartHeader(document: try document.info())
    header.format = format
    header.digest = digest
    header.part = part
    header.partCount = partCount
    header.chunkCount = chunkCount
    header.model = model
    header.requestID = requestID
    return header
  }

  func write(to writer: inout WireWriter) {
    writer.uint(1, format)
    writer.message(2, document)
    writer.data(3, digest)
    writer.uint(4, part)
    writer.uint(5, partCount)
    writer.uint(6, chunkCount)
    writer.string(7, model)
    writer.messages(8, chunks)
    writer.string(9, requestID)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: format = try reader.uint32()
    case 2: document = try reader.message(WireDocument.self)
    case 3: digest = try reader.data()
    case 4: part = try reader.uint32()
    case 5: partCount = try reader.uint32()
    case 6: chunkCount = try reader.uint32()
    case 7: model = try reader.string()
    case 8: chunks.append(try reader.message(Chunk.self))
    case 9: requestID = try reader.string()
    default: return false
    }
    return true
  }
}
