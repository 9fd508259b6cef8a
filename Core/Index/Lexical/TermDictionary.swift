import Storage
import VectorMath

/// The terms of one tenant in a segment.
package struct TermDictionary: Sendable {
  private let file: MappedFile
  private let name: String
  /// The parts of the file that hold the terms, the offsets of the blocks of terms, and the postings.
  private let terms: Range<Int>
  private let blocks: Range<Int>
  private let postings: Range<Int>
  private let firstBlock: Int
  private let blockCount: Int
  package let termCount: Int

  /// - Parameters:
  ///   - postings: begins with the tenant's first posting and ends with the section.
  /// - Throws: `StorageError` with the code `.corrupt` when the blocks lie beyond their section.
  package init(
    _ file: MappedFile, terms: Range<Int>, blocks: Range<Int>, postings: Range<Int>, firstBlock: Int,
    termCount: Int, name: String
  ) throws(StorageError) {
    self.file = file
    self.name = name
    self.terms = terms
    self.blocks = blocks
    self.postings = postings
    self.firstBlock = firstBlock
    self.termCount = termCount
    blockCount = (termCount + TermBlock.count - 1) / TermBlock.count
    guard firstBlock + blockCount <= blocks.count / 8 else {
      throw StorageError(.corrupt, file: name, "a tenant's blocks of terms lie beyond their section")
    }
  }

  private func corrupt() -> StorageError { StorageError(.corrupt, file: name, "a block of terms is damaged") }

  /// The range of a block in the file.
  private func range(_ block: Int) throws(StorageError) -> Range<Int> {
    func offset(_ number: Int) -> Int? {
      number * 8 < blocks.count ? Int(exactly: file.uint64(at: blocks.lowerBound + number * 8)) : terms.count
    }
    guard let start = offset(firstBlock + block), let end = offset(firstBlock + block + 1), start <= end,
      end <= terms.count
    else { throw corrupt() }
    return terms.lowerBound + start..<terms.lowerBound + end
  }

  /// Calls `body` with each term of a block until it returns false.
  private func read(
    _ block: Int, _ body: ([UInt8], PostingsCursor.Place) throws(StorageError) -> Bool
  ) throws(StorageError) {
    let range = try range(block)
    var reader = ByteReader(file.bytes(at: range.lowerBound, count: range.count), file: name)
    var term: [UInt8] = []
    for _ in 0..<min(TermBlock.count, termCount - block * TermBlock.count) {
      guard let shared = Int(exactly: try reader.varint()), shared <= term.count else { throw corrupt() }
      term.removeLast(term.count - shared)
      term += try reader.data()
      let place = try place(&reader)
      guard try body(term, place) else { return }
    }
  }

  private func place(_ reader: inout ByteReader) throws(StorageError) -> PostingsCursor.Place {
    let count = try reader.varint()
    let numbers = (try reader.varint(), try reader.varint())
    guard count <= UInt64(UInt32.max), numbers.0 <= 1 << 40, numbers.1 <= 1 << 40 else { throw corrupt() }
    if count == 1 {
      return PostingsCursor.Place(
        count: 1, offset: postings.lowerBound, byteCount: 0, impact: 255,
        single: (UInt32(truncatingIfNeeded: numbers.0), UInt32(truncatingIfNeeded: numbers.1)))
    }
    let impact = UInt8(truncatingIfNeeded: try reader.varint())
    guard Int(numbers.0) + Int(numbers.1) <= postings.count else { throw corrupt() }
    return PostingsCursor.Place(
      count: Int(count), offset: postings.lowerBound + Int(numbers.0), byteCount: Int(numbers.1),
      impact: impact)
  }

  /// - Returns: nil when no row of the tenant has the term.
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func find(_ term: [UInt8]) throws(StorageError) -> PostingsCursor.Place? {
    guard blockCount > 0 else { return nil }
    // The last block whose first term does not sort after `term`.
    var (low, high) = (0, blockCount)
    while low + 1 < high {
      let middle = (low + high) / 2
      if try isFirst(of: middle, behind: term) { high = middle } else { low = middle }
    }
    let range = try range(low)
    var reader = ByteReader(file.bytes(at: range.lowerBound, count: range.count), file: name)
    // How many first bytes the previous entry has in common with `term`. An entry that shares more bytes than this with
    // the previous entry also sorts before `term`; an entry that shares fewer sorts after it.
    var common = 0
    for number in 0..<min(TermBlock.count, termCount - low * TermBlock.count) {
      guard let shared = Int(exactly: try reader.varint()), number > 0 || shared == 0 else { throw corrupt() }
      let (equal, length) = try reader.common(with: term, from: shared == common ? common : term.count)
      let place = try place(&reader)
      if shared > common { continue }
      if shared < common { return nil }
      common += equal
      if common == term.count { return equal == length ? place : nil }
    }
    return nil
  }

  /// Whether a block's first term sorts after `term`.
  private func isFirst(of block: Int, behind term: [UInt8]) throws(StorageError) -> Bool {
    let range = try range(block)
    // The first term of a block shares no bytes, and its length takes at most two bytes.
    guard range.count >= 2, file.byte(at: range.lowerBound) == 0 else { throw corrupt() }
    var length = Int(file.byte(at: range.lowerBound + 1))
    var start = range.lowerBound + 2
    if length >= 0x80, range.count >= 3 {
      length = length & 0x7F | Int(file.byte(at: start)) << 7
      start += 1
    }
    guard start + length <= range.upperBound else { throw corrupt() }
    return file.compare(at: start, count: length, with: term) > 0
  }

  /// The terms of a block in order, with the places of their postings.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func block(_ block: Int) throws(StorageError) -> [(term: [UInt8], place: PostingsCursor.Place)] {
    var result: [(term: [UInt8], place: PostingsCursor.Place)] = []
    try read(block) { term, place in
      result.append((term, place))
      return true
    }
    return result
  }

  package var blocksCount: Int { blockCount }
}
