import Catalog
import Records
import Segments
import Storage

/// The index of one shard: which version of each document shows (the catalog), and the rows of those that do, in memory
/// (the head) and in segments on a disk. It is used on one executor; views and jobs are used beside it.
///
/// A checkpoint makes one moment durable: the head becomes a segment, the catalog's changes a table, and a manifest
/// names all files and how far each partition is applied. After a crash the index is that of the last manifest, and the
/// records behind it are applied again. Records may be applied twice: the catalog's rules don't mind.
///
/// One job is under way at a time. Files that neither of the two newest manifests names are removed.
package final class IndexEngine {
  package let options: IndexOptions
  private let disk: any Disk
  private var catalog: DocumentCatalog
  private var parts: [LivePart] = []
  /// Oldest first.
  private var tables: [CatalogTable] = []
  private var head = Head(dimension: 0)
  /// The head that a checkpoint is storing.
  private var frozen: Head?
  /// Documents whose rows left while a job worked on them.
  private var removals: [(document: DocumentKey, set: SetID)] = []
  /// Whether a job is under way.
  package private(set) var isBusy = false
  private var nextNumber = 1
  /// The two newest, newest first.
  private var manifests: [Manifest] = []
  /// What the disk holds is not what the memory holds, apart from new records.
  private var isReshaped = false
  /// Whether a change was applied in part, because a file could not be read: this state must never be stored.
  package private(set) var isBroken = false
  private var expiryLookedAt: Int64 = 0

  package private(set) var dimension = 0
  package var partitions: [Int32: PartitionState] = [:]
  package var holdsUnread = false

  /// An empty index. Files of a former one are removed with its first checkpoint.
  ///
  /// - Throws: `StorageError` when the disk can't be listed.
  package init(_ disk: any Disk, _ options: IndexOptions) throws(StorageError) {
    self.disk = disk
    self.options = options
    catalog = DocumentCatalog(visibleCount: 0, visibleByReader: [:])
    nextNumber = try Self.lastNumber(disk) + 1
  }

  /// An empty index whose files lie in memory.
  package init(inMemory options: IndexOptions) {
    disk = MemoryDisk()
    self.options = options
    catalog = DocumentCatalog(visibleCount: 0, visibleByReader: [:])
  }

  /// The index of a manifest.
  ///
  /// - Throws: `StorageError` when a file is missing or corrupt.
  package init(_ disk: any Disk, _ options: IndexOptions, _ manifest: Manifest) throws(StorageError) {
    self.disk = disk
    self.options = options
    catalog = DocumentCatalog(visibleCount: manifest.visibleCount, visibleByReader: manifest.visibleByReader)
    dimension = manifest.dimension
    head = Head(dimension: dimension)
    partitions = manifest.partitions
    holdsUnread = manifest.holdsUnread
    for part in manifest.parts {
      let segment = try Segment(disk, id: part.segment)
      guard segment.dimension == dimension else {
        throw StorageError(.corrupt, file: segment.name, "its vectors have \(segment.dimension) values")
      }
      if let number = part.removed {
        let removed = try RemovedDocuments.read(
          disk, segment: part.segment, number: number, documentCount: segment.documentCount)
        parts.append(LivePart(segment, removed: removed, savedAs: number))
      } else {
        parts.append(LivePart(segment))
      }
    }
    for table in manifest.tables { tables.append(try CatalogTable(disk, id: table)) }
    manifests = [manifest]
    nextNumber = try Self.lastNumber(disk) + 1
  }

  /// The newest state of a disk that is whole, or an empty index.
  ///
  /// - Returns: the index, and why newer states were passed over.
  /// - Throws: `StorageError` when the disk can't be listed.
  package static func open(_ disk: any Disk, _ options: IndexOptions) throws(StorageError)
    -> (engine: IndexEngine, faults: [StorageError])
  {
    var faults: [StorageError] = []
    let numbers = try Manifest.numbers(disk)
    for (index, number) in numbers.enumerated() {
      do throws(StorageError) {
        let manifest = try Manifest(disk, number: number)
        guard manifest.model == options.model else {
          throw StorageError(.newer, file: Manifest.name(number), "it is of model '\(manifest.model)'")
        }
        guard !manifest.holdsUnread else {
          throw StorageError(
            .newer, file: Manifest.name(number), "the worker that wrote it could not read all records")
        }
        let engine = try IndexEngine(disk, options, manifest)
        for older in numbers[(index + 1)...] {
          if let former = try? Manifest(disk, number: older) {
            engine.manifests.append(former)
            break
          }
        }
        // After a fault the next checkpoint does it: the newer files may be needed to understand what happened.
        if faults.isEmpty { engine.collectGarbage() }
        return (engine, faults)
      } catch {
        // Another try may open it: what is whole must not be given up.
        if error.code == .failed || error.code == .full { throw error }
        faults.append(error)
      }
    }
    return (try IndexEngine(disk, options), faults)
  }

  /// The highest number in any file's name: none is used twice.
  private static func lastNumber(_ disk: any Disk) throws(StorageError) -> Int {
    try disk.names().flatMap { $0.split(separator: "-") }.compactMap { Int($0) }
      .filter { (0...1 << 50).contains($0) }.max() ?? 0
  }

  /// Longer vectors are none.
  static let lengthMax: Float = 4

  private func takeNumber() -> Int {
    defer { nextNumber += 1 }
    return nextNumber
  }

  private func load(_ document: DocumentKey) throws(StorageError) {
    guard !catalog.holds(document) else { return }
    for table in tables.reversed() {
      guard let found = try table.entry(of: document) else { continue }
      if let entry = found { catalog.load(entry, of: document) }
      return
    }
  }

  /// Applies a record with a value.
  ///
  /// - Returns: what the record decided.
  /// - Throws: `StorageError` when what is stored of the document can't be read.
  package func apply(_ key: VectorKey, _ batch: VectorBatch, partition: Int32) throws(StorageError)
    -> DocumentCatalog.Decision?
  {
    try load(key.document)
    let (change, decision) = catalog.apply(key, batch)
    if let set = change.remove {
      do { try remove(key.document, set) } catch {
        isBroken = true
        throw error
      }
      partitions[partition, default: PartitionState()].live.remove(
        key.document, set.version, chunks: Int(change.removedChunks))
    }
    if let document = change.insert {
      insert(document)
      partitions[partition, default: PartitionState()].live.add(
        key.document, document.set.version, chunks: Int(batch.header.chunkCount))
    }
    return decision
  }

  /// Applies a tombstone.
  ///
  /// - Throws: as `apply`.
  package func forget(_ key: VectorKey) throws(StorageError) {
    try load(key.document)
    catalog.forget(key)
  }

  /// Notes the key of a record that can't be read here.
  ///
  /// - Throws: as `apply`.
  package func leave(_ key: VectorKey) throws(StorageError) {
    try load(key.document)
    catalog.leave(key)
  }

  /// - Throws: as `apply`.
  package func isDecided(_ document: DocumentKey, _ version: Version) throws(StorageError) -> Bool {
    try load(document)
    return catalog.isDecided(document, version)
  }

  /// The keys of a document to null.
  ///
  /// - Throws: as `apply`.
  package func deadKeys(of document: DocumentKey) throws(StorageError) -> [VectorKey] {
    try load(document)
    return catalog.deadKeys(of: document)
  }

  /// Sets the number of values of every vector, where it is not known yet.
  package func fix(dimension: Int) {
    guard self.dimension == 0 else { return }
    self.dimension = dimension
    head = Head(dimension: dimension)
  }

  private func insert(_ document: IndexedDocument) {
    guard !document.chunks.isEmpty, !document.vectors.isEmpty else { return }
    fix(dimension: document.vectors.count / document.chunks.count)
    guard document.vectors.count == document.chunks.count * dimension else { return }
    var document = document
    // Vectors have unit length. One that is no number, or far too long, is never found: it would cost all searches.
    for row in document.chunks.indices {
      let range = row * dimension..<(row + 1) * dimension
      let square = document.vectors[range].reduce(Float(0)) { $0 + $1 * $1 }
      if !(square <= Self.lengthMax * Self.lengthMax) {
        for index in range { document.vectors[index] = 0 }
      }
    }
    head.insert(document)
  }

  private func remove(_ document: DocumentKey, _ set: SetID) throws(StorageError) {
    if head.remove(document, set) != nil { return }
    if frozen?.remove(document, set) != nil {
      removals.append((document, set))
      return
    }
    let key = document.bytes
    for index in parts.indices.reversed() {
      guard let number = parts[index].segment.document(of: key), !parts[index].removed.contains(number),
        try parts[index].segment.properties(of: number).set == set
      else { continue }
      parts[index].remove(number)
      if isBusy { removals.append((document, set)) }
      return
    }
  }

  /// The present state, for searches.
  package var view: IndexView {
    IndexView(
      dimension: dimension,
      parts: parts.filter { $0.liveRows > 0 }.map {
        IndexView.Part(segment: $0.segment, removed: $0.removed)
      },
      heads: [frozen, head].compactMap { $0 }.filter { $0.rowCount > $0.removedCount })
  }

  package var visibleCount: Int { catalog.visibleCount }
  package var visibleByReader: [ReaderVersion?: Int] { catalog.visibleByReader }
  /// Rows of all documents that show, and have not been dropped because they expired.
  package var rowCount: Int {
    parts.reduce(0) { $0 + $1.liveRows }
      + [frozen, head].compactMap { $0 }.reduce(0) { $0 + $1.rowCount - $1.removedCount }
  }

  /// Whether the head should become a segment now.
  package var isHeadFull: Bool {
    head.rowCount >= options.headRowsMax || head.byteCount >= options.headBytesMax
  }

  /// How many heads' worth of rows or bytes wait in memory.
  package var fullHeads: Int {
    max(head.rowCount / max(1, options.headRowsMax), head.byteCount / max(1, options.headBytesMax))
  }

  /// Whether a checkpoint would store anything but the time.
  package var hasChanges: Bool {
    isReshaped || head.rowCount > 0 || catalog.changedCount > 0
      || manifests.first?.partitions.mapValues(\.nextOffset) != partitions.mapValues(\.nextOffset)
  }

  /// Freezes this moment.
  ///
  /// - Parameter nowMilliseconds: since 1970. Documents that have expired are dropped.
  /// - Returns: nil while another job is under way.
  package func beginCheckpoint(nowMilliseconds: Int64) -> CheckpointJob? {
    guard !isBusy, !isBroken else { return nil }
    isBusy = true
    removals = []
    frozen = head
    head = Head(dimension: dimension)
    var manifest = Manifest(number: takeNumber(), model: options.model)
    manifest.dimension = dimension
    manifest.savedMilliseconds = nowMilliseconds
    manifest.visibleCount = catalog.visibleCount
    manifest.visibleByReader = catalog.visibleByReader.filter { $0.value != 0 }
    manifest.partitions = partitions
    manifest.holdsUnread = holdsUnread
    manifest.sealedBytes = manifests.first?.sealedBytes ?? 0
    manifest.writtenBytes = writtenBytes
    manifest.tables = tables.map(\.id)
    var bitmaps: [(segment: Int, bitmap: Bitmap, number: Int)] = []
    for part in parts where part.liveRows > 0 {
      var removed = part.savedAs
      if !part.isSaved {
        let number = takeNumber()
        bitmaps.append((part.segment.id, part.removed, number))
        removed = number
      }
      manifest.parts.append(Manifest.Part(segment: part.segment.id, removed: removed))
    }
    let changes = catalog.takeChanges()
    return CheckpointJob(
      disk: disk, source: HeadSource(frozen ?? head, now: nowMilliseconds), panels: options.panels,
      dimension: dimension, segmentID: takeNumber(), changes: changes, tableID: takeNumber(),
      bitmaps: bitmaps,
      manifest: manifest)
  }

  private var writtenBytes: UInt64 { max(mergedBytes, manifests.first?.writtenBytes ?? 0) }
  /// Bytes written so far, merges since the last manifest included.
  private var mergedBytes: UInt64 = 0

  /// Takes over what a checkpoint made. After a failure all is as if it had not begun.
  package func finish(_ job: CheckpointJob, _ result: CheckpointResult) {
    isBusy = false
    defer {
      frozen = nil
      removals = []
    }
    guard case .success(let outcome) = result.outcome else {
      if let frozen, frozen.rowCount > 0 {
        var all = frozen
        all.absorb(head)
        head = all
      }
      catalog.endStoring(succeeded: false)
      return
    }
    for (segment, bitmap, number) in job.bitmaps {
      if let index = parts.firstIndex(where: { $0.segment.id == segment }) {
        parts[index].save(as: number, count: bitmap.count)
      }
    }
    parts.removeAll { $0.liveRows == 0 }
    if let segment = outcome.segment { parts.append(withRemovals(segment)) }
    if let table = outcome.table { tables.append(table) }
    catalog.endStoring(succeeded: true)
    manifests = [outcome.manifest] + manifests.prefix(1)
    mergedBytes = outcome.manifest.writtenBytes
    isReshaped = false
    collectGarbage()
  }

  /// What was removed while the segment was written is removed from it.
  private func withRemovals(_ segment: Segment) -> LivePart {
    var part = LivePart(segment)
    for (document, set) in removals {
      guard let number = segment.document(of: document.bytes) else { continue }
      do { if try segment.properties(of: number).set == set { part.remove(number) } } catch {
        // A removed document may show now.
        isBroken = true
      }
    }
    return part
  }

  /// Chooses what to merge.
  ///
  /// - Returns: nil when nothing is worth it, or another job is under way.
  package func beginMerge(nowMilliseconds: Int64, _ choice: MergeChoice = .due) -> MergeJob? {
    guard !isBusy, !isBroken else { return nil }
    let chosen: MergeJob.Input? =
      switch choice {
      case .due: nextInput(nowMilliseconds)
      case .allSegments: parts.isEmpty ? nil : .segments(parts.indices, parts)
      case .allTables: tables.count > 1 ? .tables(tables.indices, tables) : nil
      }
    guard let input = chosen else { return nil }
    isBusy = true
    removals = []
    return MergeJob(
      disk: disk, input: input, id: takeNumber(), panels: options.panels, dimension: dimension,
      nowMilliseconds: nowMilliseconds)
  }

  private func nextInput(_ now: Int64) -> MergeJob.Input? {
    if let range = options.segmentPolicy.next(parts.map(\.liveRows)) {
      return .segments(range, Array(parts[range]))
    }
    if let range = options.tablePolicy.next(tables.map(\.byteCount)) {
      return .tables(range, Array(tables[range]))
    }
    if let index = parts.indices.first(where: { isMostlyDead(parts[$0].removedRows, parts[$0]) }) {
      return .segments(index..<index + 1, [parts[index]])
    }
    // Looks at every document, so not often.
    guard now - expiryLookedAt >= 600_000 || now < expiryLookedAt else { return nil }
    expiryLookedAt = now
    for index in parts.indices where isMostlyDead(deadRows(parts[index], now), parts[index]) {
      return .segments(index..<index + 1, [parts[index]])
    }
    return nil
  }

  private func isMostlyDead(_ dead: Int, _ part: LivePart) -> Bool {
    Double(dead) > Double(part.segment.rowCount) * options.deadShareMax
  }

  private func deadRows(_ part: LivePart, _ now: Int64) -> Int {
    (0..<part.segment.documentCount).reduce(0) { sum, document in
      let expiry = part.segment.expiry(of: document)
      let isDead = part.removed.contains(document) || expiry > 0 && expiry <= now
      return sum + (isDead ? part.segment.rowCount(of: document) : 0)
    }
  }

  /// Takes over what a merge made. The next checkpoint makes it durable.
  package func finish(_ result: MergeResult) {
    isBusy = false
    defer { removals = [] }
    guard case .success(let output) = result.outcome else { return }
    switch output {
    case .segment(let range, let segment):
      let former = writtenBytes
      mergedBytes = former &+ UInt64(segment?.byteCount ?? 0)
      parts.replaceSubrange(range, with: segment.map { [withRemovals($0)] } ?? [])
    case .table(let range, let table):
      mergedBytes = writtenBytes &+ UInt64(table.byteCount)
      tables.replaceSubrange(range, with: [table])
    }
    isReshaped = true
  }

  /// Removes the files that neither the two newest manifests nor the memory needs. What can't be removed now is removed
  /// later.
  private func collectGarbage() {
    var needed = manifests.reduce(into: Set<String>()) { $0.formUnion($1.files) }
    for part in parts { needed.insert(part.segment.name) }
    for table in tables { needed.insert(table.name) }
    let prefixes = ["manifest-", "new-", "segment-", "catalog-", "removed-"]
    guard let names = try? disk.names() else { return }
    for name in names where !needed.contains(name) && prefixes.contains(where: name.hasPrefix) {
      do { try disk.remove(name) } catch { continue }
    }
  }

  package var status: IndexStatus {
    IndexStatus(
      partitions: partitions.mapValues { IndexStatus.Partition(nextOffset: $0.nextOffset, live: $0.live) },
      manifest: manifests.first?.number ?? 0, savedMilliseconds: manifests.first?.savedMilliseconds ?? 0,
      segments: parts.map {
        IndexStatus.Segment(
          name: $0.segment.name, rows: $0.segment.rowCount, liveRows: $0.liveRows,
          documents: $0.segment.documentCount, removedDocuments: $0.removed.count,
          bytes: $0.segment.byteCount,
          panels: $0.segment.kind == .bf16 ? "bf16" : "fp32")
      }, tables: tables.count, headRows: head.rowCount + (frozen?.rowCount ?? 0), rows: rowCount,
      documents: catalog.visibleCount,
      memoryBytes: head.byteCount + (frozen?.byteCount ?? 0) + catalog.heldCount * 1024
        + parts.reduce(0) { $0 + $1.removed.words.count * 8 },
      mappedBytes: parts.reduce(0) { $0 + $1.segment.byteCount } + tables.reduce(0) { $0 + $1.byteCount },
      writtenBytes: writtenBytes, sealedBytes: manifests.first?.sealedBytes ?? 0,
      live: partitions.values.reduce(LiveDigest()) { $0 + $1.live })
  }
}
