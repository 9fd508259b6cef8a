import Storage
import VectorMath

/// Reads the postings of one term block by block.
package struct PostingsCursor {
  /// Where a term's list of postings lies in a segment.
  package struct Place: Sendable {
    /// The number of postings.
    package var count: Int
    /// The offset of the list's first byte in the file.
    package var offset: Int
    package var byteCount: Int
    /// An upper bound of the list's saturations, in 255ths.
    package var impact: UInt8
    /// The posting of a list that has only one; nil for longer lists. It is stored beside the term.
    package var single: (row: UInt32, code: UInt32)?

    package init(
      count: Int, offset: Int, byteCount: Int, impact: UInt8, single: (row: UInt32, code: UInt32)? = nil
    ) {
      self.count = count
      self.offset = offset
      self.byteCount = byteCount
      self.impact = impact
      self.single = single
    }
  }

  private let file: MappedFile
  private let name: String
  private let place: Place
  /// The number of the tenant's rows.
  private let rowCount: Int
  package let blockCount: Int
  /// The block whose postings `rows` and `codes` hold; -1 before the first `load`.
  package private(set) var block = -1
  package private(set) var rows: [UInt32]
  package private(set) var codes: [UInt32]
  /// How many of `rows` are valid.
  package private(set) var loaded = 0

  /// - Throws: `StorageError` with the code `.corrupt`.
  package init(_ file: MappedFile, _ place: Place, rowCount: Int, name: String) throws(StorageError) {
    self.file = file
    self.name = name
    self.place = place
    self.rowCount = rowCount
    blockCount = (place.count + PostingsBlock.count - 1) / PostingsBlock.count
    let isTable = place.count >= PostingsBlock.count
    // Filled by the first load: many lists of a question are never read.
    rows = []
    codes = []
    guard place.count > 0, place.count <= rowCount,
      !isTable || place.byteCount >= blockCount * PostingsWriter.entryBytes
    else { throw StorageError(.corrupt, file: name, "a list of postings has a wrong size") }
  }

  package var count: Int { place.count }
  package var impact: UInt8 { place.impact }
  private var hasTable: Bool { place.count >= PostingsBlock.count }
  private func entry(_ block: Int) -> Int { place.offset + block * PostingsWriter.entryBytes }

  /// The last row of a block; for a list without a table of blocks, an upper bound of it.
  package func lastRow(_ block: Int) -> UInt32 {
    if let single = place.single { return single.row }
    return hasTable ? file.uint32(at: entry(block)) : UInt32(rowCount - 1)
  }

  /// An upper bound of the saturations of a block, in 255ths.
  package func impact(_ block: Int) -> UInt8 { hasTable ? file.byte(at: entry(block) + 10) : place.impact }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package mutating func load(_ block: Int) throws(StorageError) {
    guard block != self.block else { return }
    if rows.isEmpty {
      rows = [UInt32](repeating: 0, count: min(place.count, PostingsBlock.count))
      codes = rows
    }
    self.block = block
    loaded = min(PostingsBlock.count, place.count - block * PostingsBlock.count)
    if let single = place.single {
      guard single.row < UInt32(rowCount) else {
        throw StorageError(.corrupt, file: name, "a posting's row is too large")
      }
      (rows[0], codes[0]) = single
      return
    }
    guard hasTable else { return try read(at: place.offset, to: place.offset + place.byteCount, base: 0) }
    let data = place.offset + blockCount * PostingsWriter.entryBytes
    let end = place.offset + place.byteCount
    let start = data + Int(file.uint32(at: entry(block) + 4))
    let base = block == 0 ? 0 : file.uint32(at: entry(block - 1))
    let bits = (file.byte(at: entry(block) + 8), file.byte(at: entry(block) + 9))
    guard start <= end else {
      throw StorageError(.corrupt, file: name, "a block of postings begins beyond its list")
    }
    if bits.0 == PostingsWriter.inVarints {
      try read(at: start, to: end, base: base)
      return try checkEnd(of: block)
    }
    let isWhole = file.withSpan(at: start, count: end - start) { span in
      PostingsBlock.unpack(
        span, rowBits: bits.0, codeBits: bits.1, base: base, rowCount: rowCount, &rows, &codes)
    }
    guard isWhole, loaded == PostingsBlock.count else {
      throw StorageError(.corrupt, file: name, "a block of postings is cut, or a row in it is too large")
    }
    try checkEnd(of: block)
  }

  /// Checks that the loaded block ends at the row in the table: the next block's rows are counted from that row.
  private func checkEnd(of block: Int) throws(StorageError) {
    guard rows[loaded - 1] == lastRow(block) else {
      throw StorageError(.corrupt, file: name, "a block of postings does not end where its table says")
    }
  }

  private mutating func read(at start: Int, to end: Int, base: UInt32) throws(StorageError) {
    var reader = ByteReader(file.bytes(at: start, count: end - start), file: name)
    var row = UInt64(base)
    for index in 0..<loaded {
      let (sum, overflow) = row.addingReportingOverflow(try reader.varint())
      guard !overflow, sum < UInt64(rowCount) else { throw reader.corrupt("a posting's row is too large") }
      row = sum
      rows[index] = UInt32(row)
      codes[index] = UInt32(truncatingIfNeeded: try reader.varint())
    }
  }

  /// The first block, `from` or later, that may hold `row`; `blockCount` when there is none.
  package func block(holding row: UInt32, from: Int) -> Int {
    var (low, high) = (max(0, from), blockCount)
    while low < high {
      let middle = (low + high) / 2
      if lastRow(middle) < row { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The index of the first loaded posting whose row is not below `row`; `loaded` when there is none.
  package func index(notBefore row: UInt32) -> Int {
    var (low, high) = (0, loaded)
    while low < high {
      let middle = (low + high) / 2
      if rows[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The code of a row's posting; nil when the row has none. Rows must ascend from call to call.
  ///
  /// - Parameters:
  ///   - block: the block at which the last call ended; for the first call a block whose predecessors all end below
  ///     `row`.
  ///   - position: the position in that block at which the last call ended; for the first call 0.
  /// - Throws: `StorageError` with the code `.corrupt`.
  package mutating func next(_ row: UInt32, block: inout Int, position: inout Int) throws(StorageError)
    -> UInt32?
  {
    while block < blockCount, lastRow(block) < row {
      block += 1
      position = 0
    }
    guard block < blockCount else { return nil }
    try load(block)
    // Steps that double, then a binary search: the rows of successive calls are often near each other.
    var step = 1
    while position + step < loaded, rows[position + step] < row {
      position += step
      step *= 2
    }
    var high = min(position + step, loaded)
    while position < high {
      let middle = (position + high) / 2
      if rows[middle] < row { position = middle + 1 } else { high = middle }
    }
    return position < loaded && rows[position] == row ? codes[position] : nil
  }

  /// The code of a row's posting; nil when the row has none.
  ///
  /// - Parameter from: the first block to look in. All blocks before it must end below `row`.
  /// - Throws: `StorageError` with the code `.corrupt`.
  package mutating func code(of row: UInt32, from: Int = 0) throws(StorageError) -> UInt32? {
    let block = self.block(holding: row, from: from)
    guard block < blockCount else { return nil }
    try load(block)
    let index = index(notBefore: row)
    return index < loaded && rows[index] == row ? codes[index] : nil
  }
}
