import Catalog
import Records
import Segments
import Storage

/// A durable state of the index: which files belong to it, and how far each partition is applied. It is written under a
/// temporary name and renamed when it is durable, so a manifest that exists is complete.
///
/// Content of the `BlockFile`: the fields in the order of `bytes`.
package struct Manifest: Sendable, Equatable {
  /// A segment, with the number of the file that names its removed documents; nil when none were removed.
  package struct Part: Sendable, Equatable {
    package var segment: Int
    package var removed: Int?
  }

  private static let magic = "MLRMAN02"
  static let prefix = "manifest-"

  package var number: Int
  /// The embedding model.
  package var model: String
  /// The rules by which terms were made (`AnalysisRules.mark`).
  package var analysis: String
  package var dimension = 0
  package var savedMilliseconds: Int64 = 0
  package var parts: [Part] = []
  /// Oldest first.
  package var tables: [Int] = []
  package var visibleCount = 0
  package var visibleByReader: [ReaderVersion?: Int] = [:]
  package var partitions: [Int32: PartitionState] = [:]
  /// Whether the worker could not read some records when it wrote the manifest, so that the index is incomplete.
  package var holdsUnread = false
  /// Bytes written to segments and tables so far: `writtenBytes` with those of merges, `sealedBytes` without.
  package var writtenBytes: UInt64 = 0
  package var sealedBytes: UInt64 = 0

  package static func name(_ number: Int) -> String { prefix + Numbered.text(number) }

  /// The names of all files that the state needs, the manifest's own included.
  package var files: Set<String> {
    var names: Set<String> = [Self.name(number)]
    for part in parts {
      names.insert(Segment.name(part.segment))
      if let removed = part.removed { names.insert(RemovedDocuments.name(part.segment, removed)) }
    }
    for table in tables { names.insert(CatalogTable.name(table)) }
    return names
  }

  init(number: Int, model: String, analysis: String) {
    self.number = number
    self.model = model
    self.analysis = analysis
  }

  private var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.count(number)
    writer.string(model)
    writer.string(analysis)
    writer.count(dimension)
    writer.int(savedMilliseconds)
    writer.count(parts.count)
    for part in parts {
      writer.count(part.segment)
      writer.count(part.removed.map { $0 + 1 } ?? 0)
    }
    writer.count(tables.count)
    for table in tables { writer.count(table) }
    writer.count(max(0, visibleCount))
    writer.count(visibleByReader.count)
    for (reader, count) in visibleByReader.sorted(by: {
      ($0.key?.description ?? "") < ($1.key?.description ?? "")
    }) {
      writer.string(reader?.description ?? "")
      writer.int(Int64(count))
    }
    writer.bool(holdsUnread)
    writer.varint(writtenBytes)
    writer.varint(sealedBytes)
    writer.count(partitions.count)
    for (partition, state) in partitions.sorted(by: { $0.key < $1.key }) {
      writer.varint(UInt64(UInt32(bitPattern: partition)))
      writer.partition(state)
    }
    return writer.bytes
  }

  /// Makes the manifest, and the names of all files, durable.
  ///
  /// - Throws: `StorageError`. The state of the previous manifest still exists then.
  func write(to disk: any Disk) throws(StorageError) {
    let temporary = "new-\(Self.name(number))"
    let file = try BlockFileWriter(disk, temporary, magic: Self.magic)
    defer { file.abandon() }
    try file.append(bytes)
    _ = try file.finish()
    // The names of the manifest's files must be durable before its own name is.
    try disk.syncNames()
    try disk.rename(temporary, to: Self.name(number))
    try disk.syncNames()
  }

  /// - Throws: `StorageError` when the file is missing or corrupt.
  package init(_ disk: any Disk, number: Int) throws(StorageError) {
    let name = Self.name(number)
    let (file, content) = try BlockFile.open(disk, name, magic: Self.magic)
    var reader = ByteReader(file.bytes(at: 0, count: content), file: name)
    self.number = try reader.number()
    model = try reader.string()
    analysis = try reader.string()
    dimension = try reader.number()
    savedMilliseconds = try reader.int()
    for _ in 0..<(try reader.count()) {
      let segment = try reader.number()
      let removed = try reader.number()
      parts.append(Part(segment: segment, removed: removed == 0 ? nil : removed - 1))
    }
    for _ in 0..<(try reader.count()) { tables.append(try reader.number()) }
    visibleCount = try reader.number()
    for _ in 0..<(try reader.count()) {
      let version = ReaderVersion(try reader.string())
      visibleByReader[version] = Int(try reader.int())
    }
    holdsUnread = try reader.bool()
    writtenBytes = try reader.varint()
    sealedBytes = try reader.varint()
    for _ in 0..<(try reader.count()) {
      let partition = Int32(bitPattern: try reader.small())
      partitions[partition] = try reader.partition()
    }
    guard reader.isAtEnd, self.number == number else { throw reader.corrupt("it is not manifest \(number)") }
  }

  /// The numbers of the manifests on a disk, newest first.
  ///
  /// - Throws: `StorageError`.
  package static func numbers(_ disk: any Disk) throws(StorageError) -> [Int] {
    try disk.names().compactMap { Numbered.number(of: $0, prefix: prefix) }.sorted(by: >)
  }
}
