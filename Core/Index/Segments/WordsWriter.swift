import Analysis
import Lexical
import Storage

/// Writes the sections of a segment for the search for words. Postings go to the file at once; the terms, and the
/// lengths and hashes of all rows are held in memory.
struct WordsWriter {
  private let sources: [any SegmentSource]
  private let order: [SegmentWriter.Place]
  private let tenants: [SegmentTables.Tenant]
  private let weights: FieldWeights

  /// For each source and row the row of the new segment; `dead` for a row that is left out.
  private var newRows: [[UInt32]]
  private static let dead = UInt32.max
  private var lengths: [FieldLengths] = []
  private var hashes: [UInt64] = []
  /// The counts that each code stands for. One to four occurrences in the text are so common that they get the lowest
  /// codes, which take the fewest bits.
  private var counts: [TermCounts] = (1...4).map { TermCounts(bits: $0) }
  private var codes: [TermCounts: UInt32] = [:]
  private var dictionary = TermDictionaryWriter()
  private var tenantTable = ByteWriter()

  init(
    sources: [any SegmentSource], order: [SegmentWriter.Place], tenants: [SegmentTables.Tenant],
    weights: FieldWeights
  ) {
    self.sources = sources
    self.order = order
    self.tenants = tenants
    self.weights = weights
    newRows = sources.map { [UInt32](repeating: Self.dead, count: $0.rowTotal) }
    for place in order {
      let source = sources[place.source]
      let first = source.firstRow(of: place.document)
      for row in first..<first + source.rowCount(of: place.document) {
        newRows[place.source][row] = UInt32(lengths.count)
        let words = source.words(ofRow: row)
        lengths.append(words.lengths)
        hashes.append(words.textHash)
      }
    }
    for (code, count) in counts.enumerated() { codes[count] = UInt32(code) }
  }

  mutating func write(
    to file: BlockFileWriter, _ directory: inout SegmentDirectory, _ check: () throws -> Void
  ) throws {
    func section(_ bytes: [UInt8]) throws {
      try file.align(64)
      let start = file.count
      try file.append(bytes)
      directory.sections.append((start, file.count - start))
    }
    var writer = ByteWriter()
    for length in lengths { writer.uint64(length.bits) }
    try section(writer.bytes)
    writer = ByteWriter()
    for hash in hashes { writer.uint64(hash) }
    try section(writer.bytes)
    try section(rowsByHash)
    var languages: [Language] = []
    try section(documentLanguages(&languages))
    try file.align(64)
    let start = file.count
    for tenant in tenants {
      try check()
      try write(tenant, to: file, from: start, check)
    }
    directory.sections.append((start, file.count - start))
    try section(dictionary.bytes)
    try section(dictionary.blockBytes)
    writer = ByteWriter()
    for count in counts { writer.uint32(count.bits) }
    try section(writer.bytes)
    try section(tenantTable.bytes)
    writer = ByteWriter()
    for number in weights.numbers { writer.uint32(number) }
    for language in languages { writer.string(language.code) }
    try section(writer.bytes)
  }

  private var rowsByHash: [UInt8] {
    var writer = ByteWriter()
    for tenant in tenants {
      let first = tenant.firstRow
      let rows = (first..<first + tenant.rowCount).sorted { (hashes[$0], $0) < (hashes[$1], $1) }
      for row in rows { writer.uint32(UInt32(row - first)) }
    }
    return writer.bytes
  }

  private func documentLanguages(_ languages: inout [Language]) -> [UInt8] {
    var numbers: [Language: UInt8] = [:]
    return order.map { place in
      let language = sources[place.source].language(of: place.document)
      if let known = numbers[language] { return known }
      languages.append(language)
      numbers[language] = UInt8(languages.count - 1)
      return UInt8(languages.count - 1)
    }
  }

  private mutating func write(
    _ tenant: SegmentTables.Tenant, to file: BlockFileWriter, from start: Int, _ check: () throws -> Void
  ) throws {
    let rows = tenant.firstRow..<tenant.firstRow + tenant.rowCount
    let total = rows.reduce(UInt64(0)) { $0 + weights.length(lengths[$1]) }
    let mean = rows.isEmpty ? 0 : Float(Double(total) / Double(rows.count) / 100)
    let norm = LengthNorm(meanLength: mean)
    tenantTable.uint32(UInt32(dictionary.blockCount))
    dictionary.beginTenant()
    let postingsStart = file.count
    var streams = try Streams(
      sources, order[tenant.firstDocument..<tenant.firstDocument + tenant.documentCount])
    var written = 0
    while let next = try streams.next(newRows) {
      written += 1
      if written % 4096 == 0 { try check() }
      guard let first = next.rows.first else { continue }
      // A damaged segment may name rows of another tenant.
      guard next.rows.allSatisfy({ rows.contains(Int($0)) }) else {
        throw StorageError(.corrupt, file: "a segment to be merged", "a posting of another tenant")
      }
      let codes = next.counts.map { code(of: $0) }
      guard next.rows.count > 1 else {
        dictionary.add(next.term, row: first - UInt32(tenant.firstRow), code: codes[0])
        continue
      }
      let saturations = zip(next.rows, next.counts).map { row, counts in
        norm.saturation(
          frequency: Float(weights.frequency(counts)) / 100,
          length: Float(weights.length(lengths[Int(row)])) / 100)
      }
      let list = PostingsWriter.bytes(next.rows.map { $0 - UInt32(tenant.firstRow) }, codes, saturations)
      dictionary.add(
        next.term, count: codes.count, offset: file.count - postingsStart, byteCount: list.bytes.count,
        impact: list.impact)
      try file.append(list.bytes)
    }
    tenantTable.uint32(UInt32(dictionary.termCount))
    tenantTable.uint32(mean.bitPattern)
    tenantTable.uint32(0)
    tenantTable.uint64(UInt64(postingsStart - start))
    for field in TermField.allCases {
      tenantTable.uint64(rows.reduce(0) { $0 + lengths[$1][field] })
    }
  }

  private mutating func code(of count: TermCounts) -> UInt32 {
    if let known = codes[count] { return known }
    let new = UInt32(counts.count)
    counts.append(count)
    codes[count] = new
    return new
  }

  /// Merges the terms of one tenant from all sources.
  private struct Streams {
    private var streams: [(stream: any TermStream, source: Int)] = []
    private var heads: [TermPostings?] = []

    init(_ sources: [any SegmentSource], _ places: ArraySlice<SegmentWriter.Place>) throws {
      var seen: Set<Int> = []
      for place in places where seen.insert(place.source).inserted {
        for stream in try sources[place.source].terms(ofTenantOf: place.document) {
          streams.append((stream, place.source))
        }
      }
      for index in streams.indices { heads.append(try streams[index].stream.next()) }
    }

    /// The next term with its rows in the new segment, nil at the end. A term may have no rows left.
    mutating func next(_ newRows: [[UInt32]]) throws -> TermPostings? {
      var least: [UInt8]?
      for case let head? in heads where least.map({ head.term.lexicographicallyPrecedes($0) }) ?? true {
        least = head.term
      }
      guard let term = least else { return nil }
      var result = TermPostings(term: term, rows: [], counts: [])
      for index in heads.indices {
        guard let head = heads[index], head.term == term else { continue }
        let map = newRows[streams[index].source]
        for (row, count) in zip(head.rows, head.counts) where map[Int(row)] != WordsWriter.dead {
          result.rows.append(map[Int(row)])
          result.counts.append(count)
        }
        heads[index] = try streams[index].stream.next()
      }
      // Rows of several streams can interleave. Those of a damaged segment may also repeat.
      let ascends = zip(result.rows, result.rows.dropFirst()).allSatisfy { $0 < $1 }
      guard !ascends else { return result }
      var seen: Set<UInt32> = []
      let order = result.rows.indices.filter { seen.insert(result.rows[$0]).inserted }
        .sorted { result.rows[$0] < result.rows[$1] }
      return TermPostings(
        term: term, rows: order.map { result.rows[$0] }, counts: order.map { result.counts[$0] })
    }
  }
}
