import Catalog
import Records
import Storage
import VectorMath

/// The catalog's entries that changed between two checkpoints, in an immutable mapped file. Documents whose entry
/// became empty are named, too. If several tables name a document, the newest one holds.
///
/// Content of the `BlockFile`, little-endian:
///
///     for each entry: key (varint length, bytes), then 1 and the entry, or only 0 if it became empty
///     for each entry in the order of the hashes: hash of the key (8), offset (8), length (4)
///     number of entries (8)
package final class CatalogTable: Sendable {
  private static let magic = "MLRCAT01"
  private static let indexBytes = 20

  package let id: Int
  package let name: String
  package let byteCount: Int
  package let count: Int
  private let file: MappedFile
  private let index: Int

  private let directory: HashDirectory
  private let filter: HashFilter

  package static func name(_ id: Int) -> String { "catalog-\(Numbered.text(id))" }

  /// - Throws: `StorageError` when the file is missing or corrupt.
  package init(_ disk: any Disk, id: Int) throws(StorageError) {
    self.id = id
    name = Self.name(id)
    let content: Int
    (file, content) = try BlockFile.open(disk, name, magic: Self.magic)
    byteCount = file.byteCount
    guard content >= 8, let count = Int(exactly: file.uint64(at: content - 8)),
      count <= (content - 8) / Self.indexBytes
    else { throw StorageError(.corrupt, file: name, "it has no index") }
    self.count = count
    let index = content - 8 - count * Self.indexBytes
    self.index = index
    let file = file
    directory = HashDirectory(count: count) { file.uint64(at: index + $0 * Self.indexBytes) }
    filter = HashFilter(count: count) { file.uint64(at: index + $0 * Self.indexBytes) }
    for number in 0..<count {
      let place = index + number * Self.indexBytes
      guard let offset = Int(exactly: file.uint64(at: place + 8)),
        offset <= index - Int(file.uint32(at: place + 16)), number == 0 || hash(number - 1) <= hash(number)
      else { throw StorageError(.corrupt, file: name, "entry \(number) lies beyond its end") }
    }
  }

  private func hash(_ number: Int) -> UInt64 { file.uint64(at: index + number * Self.indexBytes) }

  private func bytes(_ number: Int) -> [UInt8] {
    let place = index + number * Self.indexBytes
    return file.bytes(at: Int(file.uint64(at: place + 8)), count: Int(file.uint32(at: place + 16)))
  }

  /// A document to look for in several tables; its key is hashed once.
  package struct Query: Sendable {
    let document: DocumentKey
    let key: [UInt8]
    let hash: UInt64

    package init(_ document: DocumentKey) {
      self.document = document
      key = document.bytes
      hash = KeyHash.of(key)
    }
  }

  /// The entry of a document: nil when the table does not name it, `.some(nil)` when the entry became empty.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func entry(of query: Query) throws(StorageError) -> CatalogEntry?? {
    let (document, key, hash) = (query.document, query.key, query.hash)
    guard filter.mayHold(hash) else { return nil }
    var low = directory.first(notBelow: hash, self.hash)
    while low < count, self.hash(low) == hash {
      var reader = ByteReader(bytes(low), file: name)
      if try reader.data() == key {
        guard try reader.bool() else { return .some(nil) }
        return try CatalogEntry(storedBytes: try reader.rest(), of: document, file: name)
      }
      low += 1
    }
    return nil
  }

  /// Calls `body` with every document and its entry, in no particular order; nil for an entry that became empty.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func forEach(_ body: (DocumentKey, CatalogEntry?) throws -> Void) throws {
    for number in 0..<count {
      var reader = ByteReader(bytes(number), file: name)
      let key = try reader.data()
      guard let document = try? DocumentKey(bytes: key) else { throw reader.corrupt("a key of no document") }
      let entry =
        try reader.bool()
        ? try CatalogEntry(storedBytes: try reader.rest(), of: document, file: name) : nil
      try body(document, entry)
    }
  }

  /// Writes the entries that changed.
  ///
  /// - Throws: `StorageError`.
  package static func write(_ entries: [DocumentKey: CatalogEntry?], to disk: any Disk, id: Int)
    throws(StorageError)
  {
    let file = try BlockFileWriter(disk, name(id), magic: magic)
    defer { file.abandon() }
    let ordered = entries.map { (hash: KeyHash.of($0.key.bytes), key: $0.key.bytes, entry: $0.value) }
      .sorted { $0.hash == $1.hash ? $0.key.lexicographicallyPrecedes($1.key) : $0.hash < $1.hash }
    var index = ByteWriter()
    for (hash, key, entry) in ordered {
      var writer = ByteWriter()
      writer.data(key)
      writer.bool(entry != nil)
      try append(writer.bytes + (entry?.storedBytes ?? []), hash, to: file, &index)
    }
    try finish(file, index, count: ordered.count)
  }

  private static func append(
    _ bytes: [UInt8], _ hash: UInt64, to file: BlockFileWriter, _ index: inout ByteWriter
  ) throws(StorageError) {
    index.uint64(hash)
    index.uint64(UInt64(file.count))
    index.uint32(UInt32(bytes.count))
    try file.append(bytes)
  }

  private static func finish(_ file: BlockFileWriter, _ index: ByteWriter, count: Int) throws(StorageError) {
    var tail = ByteWriter()
    tail.uint64(UInt64(count))
    try file.append(index.bytes + tail.bytes)
    _ = try file.finish()
  }

  /// Writes the newest entry of each document of some tables.
  ///
  /// - Parameters:
  ///   - tables: oldest first.
  ///   - isOldest: true when no older table exists: then documents whose entry became empty are left out.
  /// - Throws: `StorageError`; `CancellationError`.
  package static func merge(
    _ tables: [CatalogTable], isOldest: Bool, to disk: any Disk, id: Int, _ isCancelled: () -> Bool
  ) throws {
    let file = try BlockFileWriter(disk, name(id), magic: magic)
    defer { file.abandon() }
    var index = ByteWriter()
    var next = [Int](repeating: 0, count: tables.count)
    var count = 0
    while true {
      if count % 256 == 0, isCancelled() { throw CancellationError() }
      // All entries of the lowest hash, the newest table's first.
      guard
        let hash = tables.indices.filter({ next[$0] < tables[$0].count }).map({ tables[$0].hash(next[$0]) })
          .min()
      else { break }
      var written: Set<[UInt8]> = []
      for table in tables.indices.reversed() {
        while next[table] < tables[table].count, tables[table].hash(next[table]) == hash {
          let bytes = tables[table].bytes(next[table])
          next[table] += 1
          var reader = ByteReader(bytes, file: tables[table].name)
          let key = try reader.data()
          guard written.insert(key).inserted else { continue }
          if isOldest, try !reader.bool() { continue }
          try append(bytes, hash, to: file, &index)
          count += 1
        }
      }
    }
    try finish(file, index, count: count)
  }
}
