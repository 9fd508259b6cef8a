import Compression
import Lexical
import Storage
import VectorMath

/// Writes a segment from the live documents of some sources. The vectors are read twice. Memory holds the tables, the
/// terms and one block of texts, but never all vectors, texts or postings.
package struct SegmentWriter {
  /// A document of a source.
  struct Place {
    var source: Int
    var document: Int
  }

  /// Chunks are compressed together as soon as they have this many bytes.
  private static let textBlockBytes = 8 << 10

  private let disk: any Disk
  private let name: String
  private let kind: Panels.Kind
  private let dimension: Int
  private let weights: FieldWeights
  private let sources: [any SegmentSource]
  private let order: [Place]

  /// What the writer made.
  package struct Result: Sendable {
    package var rowCount: Int
    package var documentCount: Int
    package var byteCount: Int
  }

  /// - Parameters:
  ///   - weights: the weights of fields, for the bounds of scores that are stored.
  ///   - sources: may have documents that must be left out.
  ///   - isLive: called with the numbers of a source and of a document in it; false leaves the document out.
  package init(
    _ disk: any Disk, name: String, kind: Panels.Kind, dimension: Int, weights: FieldWeights,
    sources: [any SegmentSource], isLive: (Int, Int) -> Bool
  ) {
    self.disk = disk
    self.name = name
    self.kind = kind
    self.dimension = dimension
    self.weights = weights
    self.sources = sources
    order = Self.merged(sources, isLive)
  }

  package var documentCount: Int { order.count }

  /// The live documents of all sources in the order of their keys. No key is live in two sources.
  private static func merged(_ sources: [any SegmentSource], _ isLive: (Int, Int) -> Bool) -> [Place] {
    var heads: [(key: [UInt8], place: Place)] = []
    func next(_ source: Int, from start: Int) -> (key: [UInt8], place: Place)? {
      var document = start
      while document < sources[source].documentCount {
        if isLive(source, document) {
          return (sources[source].key(of: document), Place(source: source, document: document))
        }
        document += 1
      }
      return nil
    }
    for source in sources.indices { if let head = next(source, from: 0) { heads.append(head) } }
    var order: [Place] = []
    while var least = heads.indices.first {
      for index in heads.indices where heads[index].key.lexicographicallyPrecedes(heads[least].key) {
        least = index
      }
      let place = heads[least].place
      order.append(place)
      if let head = next(place.source, from: place.document + 1) {
        heads[least] = head
      } else {
        heads.remove(at: least)
      }
    }
    return order
  }

  /// Writes the file and makes it durable. Its name is not durable yet.
  ///
  /// - Throws: `StorageError`, also of a source; `CancellationError`. The unfinished file stays.
  package func write(_ isCancelled: () -> Bool = { false }) throws -> Result {
    let file = try BlockFileWriter(disk, name, magic: SegmentDirectory.magic)
    do {
      let result = try write(to: file, isCancelled)
      return result
    } catch {
      file.abandon()
      throw error
    }
  }

  private func write(to file: BlockFileWriter, _ isCancelled: () -> Bool) throws -> Result {
    var directory = SegmentDirectory()
    directory.dimension = dimension
    directory.kind = kind
    directory.documentCount = order.count
    var start = 0
    func begin() throws {
      try file.align(64)
      start = file.count
    }
    func end() { directory.sections.append((start, file.count - start)) }
    func check() throws { if isCancelled() { throw CancellationError() } }

    // Write the panels. The tables of tenants and documents are collected on the way and written later.
    var tables = SegmentTables()
    var group: [Float] = []
    let groupCount = Panels.rows * dimension
    try begin()
    for (number, place) in order.enumerated() {
      if number % 256 == 0 { try check() }
      let source = sources[place.source]
      tables.add(source, place.document)
      if tables.isNewTenant { group.removeAll(keepingCapacity: true) }
      source.appendVectors(of: place.document, to: &group)
      var used = 0
      while dimension > 0, group.count - used >= groupCount {
        if kind == .bf16 {
          directory.roundingError = max(
            directory.roundingError,
            Panels.roundingError(group, from: used, rowCount: Panels.rows, dimension: dimension))
        }
        directory.longest = max(
          directory.longest,
          Panels.longest(group, from: used, rowCount: Panels.rows, dimension: dimension))
        try file.append(Panels.pack(group, from: used, kind: kind, dimension: dimension))
        used += groupCount
      }
      if used > 0 { group.removeFirst(used) }
    }
    end()
    directory.rowCount = tables.rowCount
    directory.tenantCount = tables.tenants.count

    try begin()
    try writeVectors(to: file, tables, check)
    end()
    try begin()
    try writeRowDocuments(to: file)
    end()
    try begin()
    try file.append(tables.documentBytes(everyone: SegmentDirectory.everyone))
    end()
    try begin()
    for place in order { try file.append(sources[place.source].key(of: place.document)) }
    end()
    try begin()
    for place in order { try file.append(sources[place.source].facts(of: place.document)) }
    end()
    try begin()
    try file.append(tables.accessBytes)
    end()
    try begin()
    try file.append(tables.hashBytes)
    end()
    try begin()
    try file.append(tables.tenantBytes(kind))
    end()
    try check()
    try begin()
    let blocks = try writeTexts(to: file, &directory, check)
    end()
    try begin()
    try file.append(blocks)
    end()
    var words = WordsWriter(sources: sources, order: order, tenants: tables.tenants, weights: weights)
    try words.write(to: file, &directory, check)
    let offset = file.count
    var tail = ByteWriter()
    tail.uint64(UInt64(offset))
    try file.append(directory.bytes + tail.bytes)
    return Result(rowCount: directory.rowCount, documentCount: order.count, byteCount: try file.finish())
  }

  private func writeVectors(
    to file: BlockFileWriter, _ tables: SegmentTables, _ check: () throws -> Void
  ) throws {
    var row = 0
    var tenant = -1
    for (number, place) in order.enumerated() {
      if number % 256 == 0 { try check() }
      if tenant + 1 < tables.tenants.count, tables.tenants[tenant + 1].firstDocument == number { tenant += 1 }
      let source = sources[place.source]
      let count = source.rowCount(of: place.document)
      defer { row += count }
      var values: [Float] = []
      // With fp32 panels, only the rows that are in no panel.
      let panelsEnd = tables.tenants[tenant].panelsEnd
      let first = kind == .fp32 ? max(row, panelsEnd) : row
      guard first < row + count else { continue }
      source.appendVectors(of: place.document, to: &values)
      try file.append(Panels.bytes(Array(values[((first - row) * dimension)...])))
    }
  }

  private func writeRowDocuments(to file: BlockFileWriter) throws {
    var writer = ByteWriter()
    for (number, place) in order.enumerated() {
      for _ in 0..<sources[place.source].rowCount(of: place.document) { writer.uint32(UInt32(number)) }
      if writer.bytes.count > BlockFile.blockBytes {
        try file.append(writer.bytes)
        writer = ByteWriter()
      }
    }
    try file.append(writer.bytes)
  }

  private func writeTexts(
    to file: BlockFileWriter, _ directory: inout SegmentDirectory, _ check: () throws -> Void
  ) throws -> [UInt8] {
    var table = ByteWriter()
    var block = ByteWriter()
    var (firstRow, row, written) = (0, 0, 0)
    func flush() throws {
      guard !block.bytes.isEmpty else { return }
      let packed = Compression.packFrame(block.bytes)
      table.uint32(UInt32(firstRow))
      table.uint32(UInt32(block.bytes.count))
      table.uint64(UInt64(written))
      table.uint32(UInt32(packed.count))
      table.uint32(0)
      try file.append(packed)
      written += packed.count
      directory.textBytes += block.bytes.count
      directory.textBlockCount += 1
      block = ByteWriter()
      firstRow = row
    }
    for (number, place) in order.enumerated() {
      if number % 256 == 0 { try check() }
      for chunk in try sources[place.source].chunks(of: place.document) {
        block.data(chunk)
        row += 1
        if block.bytes.count >= Self.textBlockBytes { try flush() }
      }
    }
    try flush()
    return table.bytes
  }
}
