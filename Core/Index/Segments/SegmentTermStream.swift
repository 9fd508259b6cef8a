import Lexical
import Storage
import VectorMath

/// The terms of one tenant of a segment, removed rows included.
struct SegmentTermStream: TermStream {
  let segment: Segment
  let rows: Segment.TenantRows
  let dictionary: TermDictionary
  private var block: [(term: [UInt8], place: PostingsCursor.Place)] = []
  private var nextBlock = 0
  private var position = 0

  init(_ segment: Segment, _ rows: Segment.TenantRows) throws(StorageError) {
    self.segment = segment
    self.rows = rows
    dictionary = try segment.dictionary(of: rows)
  }

  mutating func next() throws(StorageError) -> TermPostings? {
    if position == block.count {
      guard nextBlock < dictionary.blocksCount else { return nil }
      block = try dictionary.block(nextBlock)
      nextBlock += 1
      position = 0
    }
    guard position < block.count else { return nil }
    let (term, place) = block[position]
    position += 1
    var cursor = try segment.cursor(place, in: rows)
    var result = TermPostings(term: term, rows: [], counts: [])
    result.rows.reserveCapacity(cursor.count)
    result.counts.reserveCapacity(cursor.count)
    for block in 0..<cursor.blockCount {
      try cursor.load(block)
      for index in 0..<cursor.loaded {
        result.rows.append(cursor.rows[index] + UInt32(rows.firstRow))
        result.counts.append(segment.counts(ofCode: cursor.codes[index]))
      }
    }
    return result
  }
}
