import Storage

/// Writes the terms of all tenants of a segment (`TermBlock` has the format).
package struct TermDictionaryWriter {
  private var writer = ByteWriter()
  private var blocks = ByteWriter()
  private var last: [UInt8] = []
  /// The number of blocks so far.
  package private(set) var blockCount = 0
  /// The number of terms of the present tenant so far.
  package private(set) var termCount = 0

  package init() {}

  package var bytes: [UInt8] { writer.bytes }
  /// The offset of each block in `bytes`, 8 bytes each.
  package var blockBytes: [UInt8] { blocks.bytes }

  package mutating func beginTenant() { termCount = 0 }

  private mutating func begin(_ term: [UInt8], count: Int) {
    if termCount % TermBlock.count == 0 {
      blocks.uint64(UInt64(writer.bytes.count))
      blockCount += 1
      last = []
    }
    var shared = 0
    while shared < min(last.count, term.count), last[shared] == term[shared] { shared += 1 }
    writer.count(shared)
    writer.data(Array(term[shared...]))
    writer.count(count)
    last = term
    termCount += 1
  }

  /// Adds a term that only one row has. Terms must be added in byte order.
  package mutating func add(_ term: [UInt8], row: UInt32, code: UInt32) {
    begin(term, count: 1)
    writer.varint(UInt64(row))
    writer.varint(UInt64(code))
  }

  /// - Parameter offset: the offset of the term's postings from the tenant's first.
  package mutating func add(_ term: [UInt8], count: Int, offset: Int, byteCount: Int, impact: UInt8) {
    begin(term, count: count)
    writer.count(offset)
    writer.count(byteCount)
    writer.varint(UInt64(impact))
  }
}
