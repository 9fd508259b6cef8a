import Compression
import Records
import Storage
import Synchronization
import VectorMath

/// An immutable part of the index in a mapped file (`SegmentDirectory` has the format). Documents lie in the order of
/// their keys, the rows of a document and of a tenant beside each other.
///
/// All checksums and tables are checked when the segment is opened, so later reads stay within the file. Texts, facts
/// and postings are decoded later, which throws if they are malformed.
package final class Segment: Sendable {
  /// The rows of one tenant.
  package struct TenantRows: Sendable {
    let number: Int
    package let firstDocument: Int
    package let documentCount: Int
    package let firstRow: Int
    package let rowCount: Int
    package let firstPanel: Int
    let firstTail: Int

    package var panelCount: Int { rowCount / Panels.rows }
    /// The first row that is in no panel.
    package var tailRow: Int { firstRow + panelCount * Panels.rows }
    package var tailCount: Int { firstRow + rowCount - tailRow }
  }

  package let id: Int
  package let name: String
  package let byteCount: Int
  let file: MappedFile
  let directory: SegmentDirectory
  package let panels: Panels
  private let hashes: HashDirectory
  private let memos = Mutex(FilterMemos())
  let wordFacts: SegmentWords
  let words = Mutex(WordMemo())
  /// The documents that expire, in the order of their expiry.
  let expiring: [(expiry: Int64, document: Int)]

  package static func name(_ id: Int) -> String { "segment-\(Numbered.text(id))" }

  /// - Throws: `StorageError` when the file is missing or corrupt.
  package init(_ disk: any Disk, id: Int) throws(StorageError) {
    self.id = id
    name = Self.name(id)
    let (file, content) = try BlockFile.open(disk, name, magic: SegmentDirectory.magic)
    let directory = try SegmentDirectory(file, content: content, name: name)
    (self.file, self.directory) = (file, directory)
    byteCount = file.byteCount
    let padded = directory.dimension + directory.dimension % 2
    panels = Panels(
      file, offset: directory[.panels].offset,
      count: directory.dimension == 0
        ? 0 : directory[.panels].count / Panels.byteCount(directory.kind, dimension: padded),
      kind: directory.kind, dimension: padded)
    let table = directory[.hashes].offset
    hashes = HashDirectory(count: directory.documentCount) { file.uint64(at: table + $0 * 12) }
    wordFacts = try SegmentWords(file, directory, name: name)
    let place = directory[.documents].offset
    expiring = (0..<directory.documentCount).compactMap { document in
      let expiry = Int64(
        bitPattern: file.uint64(at: place + document * SegmentDirectory.documentBytes + 24))
      return expiry > 0 ? (expiry, document) : nil
    }.sorted { ($0.expiry, $0.document) < ($1.expiry, $1.document) }
    try checkTables()
  }

  package var rowCount: Int { directory.rowCount }
  package var documentCount: Int { directory.documentCount }
  package var tenantCount: Int { directory.tenantCount }
  package var dimension: Int { directory.dimension }
  package var kind: Panels.Kind { directory.kind }
  package var roundingError: Float { directory.roundingError }
  package var longest: Float { directory.longest }
  package var textBytes: Int { directory.textBytes }

  func corrupt(_ reason: String) -> StorageError { StorageError(.corrupt, file: name, reason) }

  /// Checks that every number in the tables lies within the section that it points into. Checksums find a bad disk,
  /// this finds a bad writer.
  private func checkTables() throws(StorageError) {
    var (row, documents, panel) = (0, 0, 0)
    for number in 0..<tenantCount {
      let tenant = self.tenant(number)
      guard tenant.firstRow == row, tenant.firstDocument == documents, tenant.firstPanel == panel,
        tenant.documentCount > 0
      else { throw corrupt("tenant \(number) does not follow the one before it") }
      row += tenant.rowCount
      documents += tenant.documentCount
      panel += dimension == 0 ? 0 : tenant.panelCount
      guard
        dimension == 0
          || (tenant.firstTail + tenant.tailCount) * dimension * 4 <= directory[.vectors].count
      else { throw corrupt("the vectors of tenant \(number) lie beyond their section") }
    }
    guard row == rowCount, documents == documentCount, panel == panels.count || dimension == 0 else {
      throw corrupt("its tenants do not cover all its rows")
    }
    let listCount = Int(file.uint32(at: directory[.access].offset))
    guard (listCount + 2) * 4 <= directory[.access].count else { throw corrupt("its access lists are cut") }
    let hashCount = (directory[.access].count - (listCount + 2) * 4) / 16
    for list in 0...listCount where Int(file.uint32(at: directory[.access].offset + 4 + list * 4)) > hashCount
    {
      throw corrupt("access list \(list) is cut")
    }
    row = 0
    for number in 0..<documentCount {
      let place = documentPlace(number)
      let access = file.uint32(at: place + 8)
      guard Int(file.uint32(at: place)) == row,
        access == SegmentDirectory.everyone || Int(access) < listCount,
        let facts = Int(exactly: file.uint64(at: place + 16)),
        facts <= directory[.facts].count - Int(file.uint32(at: place + 12)),
        let key = Int(exactly: file.uint64(at: place + 32)),
        key <= directory[.keys].count - Int(file.uint32(at: place + 40)),
        file.uint32(at: place + 44) < UInt32(clamping: tenantCount),
        case let rows = tenant(Int(file.uint32(at: place + 44))),
        (rows.firstDocument..<rows.firstDocument + rows.documentCount).contains(number),
        row >= rows.firstRow, row + Int(file.uint32(at: place + 4)) <= rows.firstRow + rows.rowCount
      else { throw corrupt("document \(number) points beyond a section") }
      row += Int(file.uint32(at: place + 4))
      guard
        file.uint32(at: directory[.hashes].offset + number * 12 + 8) < UInt32(clamping: documentCount)
      else { throw corrupt("its table of hashes points beyond its documents") }
    }
    guard row == rowCount else { throw corrupt("its documents do not cover all its rows") }
    for row in 0..<rowCount where document(ofRow: row) >= documentCount {
      throw corrupt("row \(row) belongs to no document")
    }
    for block in 0..<directory.textBlockCount {
      let place = directory[.textBlocks].offset + block * SegmentDirectory.textBlockBytes
      guard let offset = Int(exactly: file.uint64(at: place + 8)),
        offset <= directory[.texts].count - Int(file.uint32(at: place + 16)),
        Int(file.uint32(at: place + 4)) <= 1 << 30
      else { throw corrupt("text block \(block) lies beyond its end") }
    }
  }

  func tenant(_ number: Int) -> TenantRows {
    let place = directory[.tenants].offset + number * SegmentDirectory.tenantBytes
    func value(_ index: Int) -> Int { Int(file.uint32(at: place + index * 4)) }
    return TenantRows(
      number: number, firstDocument: value(0), documentCount: value(1), firstRow: value(2),
      rowCount: value(3),
      firstPanel: value(4), firstTail: value(5))
  }

  /// - Complexity: O(log of the number of tenants).
  package func rows(of tenant: TenantID) -> TenantRows? {
    let name = Array("\(tenant.rawValue)/".utf8)
    var (low, high) = (0, tenantCount)
    while low < high {
      let middle = (low + high) / 2
      let rows = self.tenant(middle)
      let place = documentPlace(rows.firstDocument)
      let key = directory[.keys].offset + Int(file.uint64(at: place + 32))
      let order = file.compare(at: key, count: min(name.count, Int(file.uint32(at: place + 40))), with: name)
      if order == 0 { return rows }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// Scores the rows of a tenant that lie in no panel.
  package func scanTail(
    _ rows: TenantRows, with scan: PanelScan, thresholds: [Float], _ body: (Int, Int, Float) -> Void
  ) {
    scan.scan(
      file, at: directory[.vectors].offset + rows.firstTail * dimension * 4, rowCount: rows.tailCount,
      thresholds: thresholds
    ) { query, row, score in body(query, rows.tailRow + row, score) }
  }

  /// The row's fp32 vector.
  package func vector(ofRow row: Int, in rows: TenantRows) -> [Float] {
    var values: [Float] = []
    append(row, rows, &values)
    return values
  }

  /// The dot product of the row's vector and another, as `Panels.dot` computes it.
  package func score(ofRow row: Int, in rows: TenantRows, _ vector: [Float]) -> Float {
    guard kind == .bf16 else { return Panels.dot(self.vector(ofRow: row, in: rows), vector) }
    return Panels.dot(file, at: directory[.vectors].offset + row * dimension * 4, vector)
  }

  private func append(_ row: Int, _ rows: TenantRows, _ values: inout [Float]) {
    if kind == .fp32, row < rows.tailRow {
      values += panels.values(ofRow: rows.firstPanel * Panels.rows + row - rows.firstRow).prefix(dimension)
    } else {
      let place = kind == .bf16 ? row : rows.firstTail + row - rows.tailRow
      file.appendFloats(at: directory[.vectors].offset + place * dimension * 4, count: dimension, to: &values)
    }
  }

  func documentPlace(_ document: Int) -> Int {
    directory[.documents].offset + document * SegmentDirectory.documentBytes
  }

  package func document(ofRow row: Int) -> Int {
    Int(file.uint32(at: directory[.rowDocuments].offset + row * 4))
  }

  package func firstRow(of document: Int) -> Int { Int(file.uint32(at: documentPlace(document))) }

  /// The number of the document with this key; nil when the segment has none.
  package func document(of key: [UInt8]) -> Int? {
    let hash = KeyHash.of(key)
    let table = directory[.hashes].offset
    var low = hashes.first(notBelow: hash) { file.uint64(at: table + $0 * 12) }
    while low < documentCount, file.uint64(at: table + low * 12) == hash {
      let document = Int(file.uint32(at: table + low * 12 + 8))
      let place = documentPlace(document)
      let start = directory[.keys].offset + Int(file.uint64(at: place + 32))
      if file.compare(at: start, count: Int(file.uint32(at: place + 40)), with: key) == 0 { return document }
      low += 1
    }
    return nil
  }

  /// What earlier queries with this filter have found out about the documents.
  ///
  /// - Parameter filter: the filter's text; the same filter must have the same text.
  package func memo(of filter: String) -> FilterMemo {
    memos.withLock { $0.memo(of: filter, documentCount: documentCount) }
  }

  /// The number of the document's access list; nil when the whole tenant may read it.
  package func accessList(of document: Int) -> Int? {
    let list = file.uint32(at: documentPlace(document) + 8)
    return list == SegmentDirectory.everyone ? nil : Int(list)
  }

  /// The hashes of an access list, in order.
  package func principals(ofList list: Int) -> [PrincipalHash] {
    let table = directory[.access].offset
    let listCount = Int(file.uint32(at: table))
    let hashes = table + (listCount + 2) * 4
    let (first, end) = (
      Int(file.uint32(at: table + 4 + list * 4)), Int(file.uint32(at: table + 8 + list * 4))
    )
    return (first..<max(first, end)).map {
      PrincipalHash(high: file.uint64(at: hashes + $0 * 16), low: file.uint64(at: hashes + $0 * 16 + 8))
    }
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func properties(of document: Int) throws(StorageError) -> DocumentFacts {
    try DocumentFacts(bytes: facts(of: document), file: name)
  }

  private func firstRow(ofTextBlock block: Int) -> Int {
    Int(file.uint32(at: directory[.textBlocks].offset + block * SegmentDirectory.textBlockBytes))
  }

  /// The block of texts that holds a row.
  private func textBlock(ofRow row: Int) -> Int {
    var (low, high) = (0, directory.textBlockCount)
    while low + 1 < high {
      let middle = (low + high) / 2
      if firstRow(ofTextBlock: middle) <= row { low = middle } else { high = middle }
    }
    return low
  }

  /// The chunk messages of a block of texts.
  private func unpacked(_ block: Int) throws(StorageError) -> [[UInt8]] {
    guard block < directory.textBlockCount else { throw corrupt("a row has no text") }
    let place = directory[.textBlocks].offset + block * SegmentDirectory.textBlockBytes
    let packed = file.bytes(
      at: directory[.texts].offset + Int(file.uint64(at: place + 8)), count: Int(file.uint32(at: place + 16)))
    guard let bytes = Compression.unpackFrame(packed, byteCount: Int(file.uint32(at: place + 4))) else {
      throw corrupt("text block \(block) can't be unpacked")
    }
    var reader = ByteReader(bytes, file: name)
    var chunks: [[UInt8]] = []
    while !reader.isAtEnd { chunks.append(try reader.data()) }
    return chunks
  }

  /// The chunk messages of some consecutive rows.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  private func chunks(from row: Int, count: Int) throws(StorageError) -> [[UInt8]] {
    var result: [[UInt8]] = []
    guard count > 0 else { return result }
    var block = textBlock(ofRow: row)
    var next = block < directory.textBlockCount ? firstRow(ofTextBlock: block) : 0
    while result.count < count {
      for chunk in try unpacked(block) where result.count < count {
        if next >= row { result.append(chunk) }
        next += 1
      }
      block += 1
    }
    return result
  }

  /// - Parameter read: the blocks of texts unpacked so far, because rows that are found often share a block.
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func chunk(ofRow row: Int, _ read: inout TextBlocks) throws(StorageError) -> Chunk {
    let block = textBlock(ofRow: row)
    let key = TextBlocks.Key(segment: id, block: block)
    let chunks: [[UInt8]]
    if let known = read.blocks[key] {
      chunks = known
    } else {
      chunks = try unpacked(block)
      read.blocks[key] = chunks
    }
    let place = row - firstRow(ofTextBlock: block)
    guard chunks.indices.contains(place) else { throw corrupt("row \(row) has no text") }
    do { return try Chunk(messageBytes: chunks[place]) } catch {
      throw corrupt("the chunk of row \(row): \(error)")
    }
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func chunk(ofRow row: Int) throws(StorageError) -> Chunk {
    let bytes = try chunks(from: row, count: 1)[0]
    do { return try Chunk(messageBytes: bytes) } catch { throw corrupt("the chunk of row \(row): \(error)") }
  }
}

extension Segment: SegmentSource {
  package func key(of document: Int) -> [UInt8] {
    let place = documentPlace(document)
    return file.bytes(
      at: directory[.keys].offset + Int(file.uint64(at: place + 32)), count: Int(file.uint32(at: place + 40)))
  }

  package func rowCount(of document: Int) -> Int { Int(file.uint32(at: documentPlace(document) + 4)) }

  package func appendVectors(of document: Int, to values: inout [Float]) {
    let rows = tenant(Int(file.uint32(at: documentPlace(document) + 44)))
    let first = firstRow(of: document)
    if kind == .bf16 {
      file.appendFloats(
        at: directory[.vectors].offset + first * dimension * 4, count: rowCount(of: document) * dimension,
        to: &values)
    } else {
      for row in first..<first + rowCount(of: document) { append(row, rows, &values) }
    }
  }

  package func facts(of document: Int) -> [UInt8] {
    let place = documentPlace(document)
    return file.bytes(
      at: directory[.facts].offset + Int(file.uint64(at: place + 16)), count: Int(file.uint32(at: place + 12))
    )
  }

  package func access(of document: Int) -> [PrincipalHash]? {
    accessList(of: document).map { principals(ofList: $0) }
  }

  package func expiry(of document: Int) -> Int64 {
    Int64(bitPattern: file.uint64(at: documentPlace(document) + 24))
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func chunks(of document: Int) throws -> [[UInt8]] {
    try chunks(from: firstRow(of: document), count: rowCount(of: document))
  }
}
