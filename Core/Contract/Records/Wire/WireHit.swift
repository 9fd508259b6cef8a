struct WireHit: WireMessage {
  var document = WireDocument()
  var digest: [UInt8] = []
  var chunk = Chunk()
  var denseScore: Float = 0
  var postings: [WirePosting] = []
  var length: UInt32 = 0
  var textHash: UInt64 = 0
  var copies: [WireTextCopy] = []

  init() {}
  init(_ hit: Hit) {
    document = WireDocument(hit.document)
    digest = hit.digest
    chunk = hit.chunk
    denseScore = hit.denseScore
    postings = hit.postings.map(WirePosting.init)
    length = hit.length
    textHash = hit.textHash
    copies = hit.copies.map(WireTextCopy.init)
  }

  func hit() throws(WireError) -> Hit {
    var hit = Hit(document: try document.info(), digest: digest, chunk: chunk, denseScore: denseScore)
    hit.postings = postings.map(\.posting)
    hit.length = length
    hit.textHash = textHash
    for copy in copies { hit.copies.append(try copy.copy()) }
    return hit
  }

  func write(to writer: inout WireWriter) {
    writer.message(1, document)
    writer.data(2, digest)
    writer.message(3, chunk)
    writer.float(4, denseScore)
    writer.messages(5, postings)
    writer.uint(6, length)
    writer.uint(7, textHash)
    writer.messages(8, copies)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: document = try reader.message(WireDocument.self)
    case 2: digest = try reader.data()
    case 3: chunk = try reader.message(Chunk.self)
    case 4: denseScore = try reader.float()
    case 5: postings.append(try reader.message(WirePosting.self))
    case 6: length = try reader.uint32()
    case 7: textHash = try reader.uint64()
    case 8:
      let copy = try reader.message(WireTextCopy.self)
      if copies.count < Hit.copiesMax { copies.append(copy) }
    default: return false
    }
    return true
  }
}
