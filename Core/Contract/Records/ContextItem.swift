/// One piece of a prompt's context: a chunk, or several adjacent chunks merged.
package struct ContextItem: Sendable, Equatable {
  package var document: DocumentInfo
  package var firstChunk: UInt32
  package var lastChunk: UInt32
  package var headingPath: [String]
  package var text: String
  package var start: UInt64
  package var end: UInt64
  /// The best fused score of the item's chunks.
  package var score: Float
  /// The best cosine between the question and one of the item's chunks; `bm25` is the best BM25 score.
  package var cosine: Float = 0
  package var bm25: Float = 0
  /// The best rank by vectors and by words (BM25), from 1; 0 when no chunk of the item is in that list.
  package var denseRank: UInt32 = 0
  package var lexicalRank: UInt32 = 0
  /// The chunks' `context`.
  package var context = ""
  package var sentenceEnds = SentenceEnds([])
  /// Other documents that have the text of one of the item's chunks.
  package var copies: [TextCopy] = []

  package init(
    document: DocumentInfo, firstChunk: UInt32, lastChunk: UInt32, headingPath: [String], text: String,
    start: UInt64, end: UInt64, score: Float
  ) {
    self.document = document
    self.firstChunk = firstChunk
    self.lastChunk = lastChunk
    self.headingPath = headingPath
    self.text = text
    self.start = start
    self.end = end
    self.score = score
  }

  /// The name of the chunk or chunks in a citation.
  package var chunkID: String {
    let document = "\(document.key)@\(document.version)"
    return firstChunk == lastChunk ? "\(document)#\(firstChunk)" : "\(document)#\(firstChunk)-\(lastChunk)"
  }
}
