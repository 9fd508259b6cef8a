/// The wire form of `Hit`. Its document's bytes are read by a `DocumentReader`, because hits share documents.
struct WireHit: WireMessage {
  private(set) var documentBytes: ArraySlice<UInt8> = []
  private var document: DocumentInfo?
  private var chunk = Chunk()
  private var denseScore: Float = 0
  private var postings: [Hit.Posting] = []
  private var length: UInt32 = 0
  private var textHash: UInt64 = 0
  private var copies: [TextCopy] = []

  init() {}
  init(_ hit: Hit) {
    document = hit.document
    chunk = hit.chunk
    denseScore = hit.denseScore
    postings = hit.postings
    length = hit.length
    textHash = hit.textHash
    copies = hit.copies
  }

  func hit(_ document: DocumentInfo) -> Hit {
    var hit = Hit(document: document, chunk: chunk, denseScore: denseScore)
    hit.postings = postings
    hit.length = length
    hit.textHash = textHash
    hit.copies = copies
    return hit
  }

  func write(to writer: inout WireWriter) {
    if let document { writer.message(1, WireDocument(document)) }
    writer.message(3, chunk)
    writer.float(4, denseScore)
    for posting in postings { writer.message(5, WirePosting(posting)) }
    writer.uint(6, length)
    writer.uint(7, textHash)
    for copy in copies { writer.message(8, WireTextCopy(copy)) }
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: documentBytes = try reader.messageBytes()
    case 3: chunk = try reader.message(Chunk.self)
    case 4: denseScore = try reader.float()
    case 5: postings.append(try reader.message(WirePosting.self).posting)
    case 6: length = try reader.uint32()
    case 7: textHash = try reader.uint64()
    case 8:
      let copy = try reader.message(WireTextCopy.self).copy()
      if copies.count < Hit.copiesMax { copies.append(copy) }
    default: return false
    }
    return true
  }
}
