struct WireContextItem: WireMessage {
  var document = WireDocument()
  var firstChunk: UInt32 = 0
  var lastChunk: UInt32 = 0
  var headingPath: [String] = []
  var text = ""
  var start: UInt64 = 0
  var end: UInt64 = 0
  var score: Float = 0
  var context = ""
  var sentenceEnds: [UInt8] = []
  var copies: [WireTextCopy] = []
  var cosine: Float = 0
  var bm25: Float = 0
  var denseRank: UInt32 = 0
  var lexicalRank: UInt32 = 0

  init() {}
  init(_ item: ContextItem) {
    document = WireDocument(item.document)
    firstChunk = item.firstChunk
    lastChunk = item.lastChunk
    headingPath = item.headingPath
    text = item.text
    start = item.start
    end = item.end
    score = item.score
    context = item.context
    sentenceEnds = item.sentenceEnds.bytes
    copies = item.copies.map(WireTextCopy.init)
    cosine = item.cosine
    bm25 = item.bm25
    denseRank = item.denseRank
    lexicalRank = item.lexicalRank
  }

  func item() throws(WireError) -> ContextItem {
    try WireBounds.check(start: start, end: end)
    var item = ContextItem(
      document: try document.info(), firstChunk: firstChunk, lastChunk: lastChunk, headingPath: headingPath,
      text: text, start: start, end: end, score: score)
    item.context = context
    item.sentenceEnds = SentenceEnds(bytes: sentenceEnds)
    for copy in copies { item.copies.append(try copy.copy()) }
    (item.cosine, item.bm25) = (cosine, bm25)
    (item.denseRank, item.lexicalRank) = (denseRank, lexicalRank)
    return item
  }

  func write(to writer: inout WireWriter) {
    writer.message(1, document)
    writer.uint(2, firstChunk)
    writer.uint(3, lastChunk)
    writer.strings(4, headingPath)
    writer.string(5, text)
    writer.uint(6, start)
    writer.uint(7, end)
    writer.float(8, score)
    writer.string(9, context)
    writer.data(10, sentenceEnds)
    writer.messages(11, copies)
    writer.float(12, cosine)
    writer.float(13, bm25)
    writer.uint(14, denseRank)
    writer.uint(15, lexicalRank)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: document = try reader.message(WireDocument.self)
    case 2: firstChunk = try reader.uint32()
    case 3: lastChunk = try reader.uint32()
    case 4: headingPath.append(try reader.string())
    case 5: text = try reader.string()
    case 6: start = try reader.uint64()
    case 7: end = try reader.uint64()
    case 8: score = try reader.float()
    case 9: context = try reader.string()
    case 10: sentenceEnds = try reader.data()
    case 11: copies.append(try reader.message(WireTextCopy.self))
    case 12: cosine = try reader.float()
    case 13: bm25 = try reader.float()
    case 14: denseRank = try reader.uint32()
    case 15: lexicalRank = try reader.uint32()
    default: return false
    }
    return true
  }
}
