import Catalog
import Lexical
import Records
import Segments
import Storage

/// The index of one shard: which version of each document is visible (the catalog), and the rows of these versions, in
/// memory (the head) and in segments on disk. It is used on one executor; its views and jobs can be used on other
/// threads.
///
/// A checkpoint makes one moment durable: the head becomes a segment, the catalog's changes become a table, and a
/// manifest names all files and how far each partition is applied. After a crash the index is in the state of the last
/// manifest, and the records behind it are applied again. Applying a record twice is harmless, by the catalog's rules.
///
/// One checkpoint and one merge may run at the same time. A checkpoint's manifest names the files that a running merge
/// reads; a later one names the file that the merge has written. Files are removed when neither the two newest
/// manifests nor the index in memory nor the running merge needs them.
package final class IndexEngine {
  package let options: IndexOptions
  private let disk: any Disk
  private var catalog: DocumentCatalog
  private var parts: [LivePart] = []
  /// Oldest first.
  private var tables: [CatalogTable] = []
  private var head: Head
  /// The head that a checkpoint is storing.
  private var frozen: Head?
  /// Documents that were removed from the frozen head since its checkpoint began.
  private var frozenRemovals: [Removal] = []
  /// The running merge: its input, the number of its output, and the documents that were removed from its input since.
  private var merging: (input: MergeJob.Input, id: Int, removals: [Removal])?
  private typealias Removal = (document: DocumentKey, set: SetID)
  private var nextNumber = 1
  /// The two newest manifests, newest first.
  private var manifests: [Manifest] = []
  /// Whether the next checkpoint must store something besides new records: a merge's result, or what a failed
  /// checkpoint did not store.
  private var isReshaped = false
  /// Bytes written to segments and tables so far.
  private var writtenBytes: UInt64 = 0
  /// Whether a change was applied only in part, because a file could not be read: this state must never be stored.
  package private(set) var isBroken = false
  private var expiryLookedAt: Int64 = 0

  package private(set) var dimension = 0
  package var partitions: [Int32: PartitionState] = [:]
  package var holdsUnread = false

  /// An empty index. Files of an earlier index on the disk are removed after its first checkpoint.
  ///
  /// - Throws: `StorageError` when the disk can't be listed.
  package init(_ disk: any Disk, _ options: IndexOptions) throws(StorageError) {
    self.disk = disk
    self.options = options
    head = Head(dimension: 0, lexicon: Lexicon(options.analysis))
    catalog = DocumentCatalog(visibleCount: 0, visibleByReader: [:])
    nextNumber = try Self.lastNumber(disk) + 1
  }

  /// An empty index whose files lie in memory.
  package init(inMemory options: IndexOptions) {
    disk = MemoryDisk()
    self.options = options
    head = Head(dimension: 0, lexicon: Lexicon(options.analysis))
    catalog = DocumentCatalog(visibleCount: 0, visibleByReader: [:])
  }

  /// Opens the index that a manifest describes.
  ///
  /// - Throws: `StorageError` when a file is missing or corrupt.
  package init(_ disk: any Disk, _ options: IndexOptions, _ manifest: Manifest) throws(StorageError) {
    self.disk = disk
    self.options = options
    catalog = DocumentCatalog(visibleCount: manifest.visibleCount, visibleByReader: manifest.visibleByReader)
    dimension = manifest.dimension
    head = Head(dimension: manifest.dimension, lexicon: Lexicon(options.analysis))
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
    writtenBytes = manifest.writtenBytes
    nextNumber = try Self.lastNumber(disk) + 1
  }

  /// Opens the newest stored state that can be used, or an empty index if there is none.
  ///
  /// - Returns: the index, and why newer states can't be used.
  /// - Throws: `StorageError` with the code `.failed` or `.full`: another try may succeed.
  package static func open(_ disk: any Disk, _ options: IndexOptions) throws(StorageError)
    -> (engine: IndexEngine, faults: [StorageError])
  {
    var faults: [StorageError] = []
    let numbers = try Manifest.numbers(disk)
    for (index, number) in numbers.enumerated() {
      do throws(StorageError) {
        let manifest = try Manifest(disk, number: number)
        guard manifest.model == options.model else {
          throw StorageError(.newer, file: Manifest.name(number), "it is for the model '\(manifest.model)'")
        }
        guard manifest.analysis == options.analysis.mark else {
          throw StorageError(
            .newer, file: Manifest.name(number),
            "its rules for terms are '\(manifest.analysis)', not '\(options.analysis.mark)'")
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
        // After a fault, garbage is collected only by the next checkpoint: the newer files may help to find the cause.
        if faults.isEmpty { engine.collectGarbage() }
        return (engine, faults)
      } catch {
        // Another try may open this state: one that may be intact must not be given up.
        if error.code == .failed || error.code == .full { throw error }
        faults.append(error)
      }
    }
    return (try IndexEngine(disk, options), faults)
  }

  /// The highest number in any file's name. New numbers are higher, so that none is used twice.
  private static func lastNumber(_ disk: any Disk) throws(StorageError) -> Int {
    try disk.names().flatMap { $0.split(separator: "-") }.compactMap { Int($0) }
      .filter { (0...1 << 50).contains($0) }.max() ?? 0
  }

  /// Longer vectors are replaced by zeros.
  static let lengthMax: Float = 4

  private func takeNumber() -> Int {
    defer { nextNumber += 1 }
    return nextNumber
  }

  private func load(_ document: DocumentKey) throws(StorageError) {
    guard !catalog.holds(document), !tables.isEmpty else { return }
    let query = CatalogTable.Query(document)
    for table in tables.reversed() {
      guard let found = try table.entry(of: query) else { continue }
      if let entry = found { catalog.load(entry, of: document) }
      return
    }
  }

  /// Applies a record with a value.
  ///
  /// - Returns: what the record decided.
  /// - Throws: `StorageError` when the document's stored state can't be read.
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

  /// Notes the key of a record that this worker can't read.
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

  /// The keys of a document that need tombstones.
  ///
  /// - Throws: as `apply`.
  package func deadKeys(of document: DocumentKey) throws(StorageError) -> [VectorKey] {
    try load(document)
    return catalog.deadKeys(of: document)
  }

  /// Sets the number of values of every vector, if it is not known yet.
  package func fix(dimension: Int) {
    guard self.dimension == 0 else { return }
    self.dimension = dimension
    head = Head(dimension: dimension, lexicon: head.lexicon)
  }

  private func insert(_ document: IndexedDocument) {
    guard !document.chunks.isEmpty, !document.vectors.isEmpty else { return }
    fix(dimension: document.vectors.count / document.chunks.count)
    guard document.vectors.count == document.chunks.count * dimension else { return }
    var document = document
    // Vectors have unit length. One that holds NaN, or is far too long, is replaced by zeros: it would widen the margin
    // of error of all searches.
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
      frozenRemovals.append((document, set))
      return
    }
    let key = document.bytes
    for index in parts.indices.reversed() {
      guard let number = parts[index].segment.document(of: key), !parts[index].removed.contains(number),
        try parts[index].segment.properties(of: number).set == set
      else { continue }
      parts[index].remove(number)
      if merging?.input.segments.contains(parts[index].segment.id) == true {
        merging?.removals.append((document, set))
      }
      return
    }
  }

  /// Whether a checkpoint is under way.
  package var isSaving: Bool { frozen != nil }
  package var isMerging: Bool { merging != nil }

  /// A snapshot of the present state, for searches.
  package var view: IndexView {
    IndexView(
      dimension: dimension,
      parts: parts.filter { $0.liveRows > 0 }.map {
        IndexView.Part(segment: $0.segment, removed: $0.removed, removals: $0.removals)
      },
      heads: [frozen, head].compactMap { $0 }.filter { $0.rowCount > $0.removedCount })
  }

  package var visibleCount: Int { catalog.visibleCount }
  package var visibleByReader: [ReaderVersion?: Int] { catalog.visibleByReader }
  /// The number of rows of all visible documents. Expired documents count until a checkpoint or a merge drops them.
  package var rowCount: Int {
    parts.reduce(0) { $0 + $1.liveRows }
      + [frozen, head].compactMap { $0 }.reduce(0) { $0 + $1.rowCount - $1.removedCount }
  }

  /// Whether the head should become a segment now.
  package var isHeadFull: Bool {
    head.rowCount >= options.headRowsMax || head.byteCount >= options.headBytesMax
      || head.rowCount > 0 && head.lexicon.isFull
  }

  /// How many times over the head is full, by rows, bytes or its lexicon: 2 or more when checkpoints don't keep up.
  package var fullHeads: Int {
    max(
      head.rowCount / max(1, options.headRowsMax), head.byteCount / max(1, options.headBytesMax),
      head.lexicon.byteCount / Lexicon.byteCountMax)
  }

  /// Whether a checkpoint would store anything new except its time.
  package var hasChanges: Bool {
    isReshaped || head.rowCount > 0 || catalog.changedCount > 0
      || manifests.first?.partitions.mapValues(\.nextOffset) != partitions.mapValues(\.nextOffset)
  }

  /// Begins a checkpoint: freezes the head and the state to be stored. New records go to a new head.
  ///
  /// - Parameter nowMilliseconds: since 1970. Documents of the head that have expired by then are dropped.
  /// - Returns: the job to run, for `finish`; nil while another checkpoint is under way, or when `isBroken`.
  package func beginCheckpoint(nowMilliseconds: Int64) -> CheckpointJob? {
    guard !isSaving, !isBroken else { return nil }
    frozenRemovals = []
    let sealed = head
    frozen = sealed
    head = Head(dimension: dimension, lexicon: head.lexicon.isFull ? Lexicon(options.analysis) : head.lexicon)
    isReshaped = false
    var manifest = Manifest(number: takeNumber(), model: options.model, analysis: options.analysis.mark)
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
      disk: disk, source: HeadSource(sealed, now: nowMilliseconds), panels: options.panels,
      dimension: dimension, weights: options.weights, segmentID: takeNumber(), changes: changes,
      tableID: takeNumber(),
      bitmaps: bitmaps,
      manifest: manifest)
  }

  /// Ends a checkpoint: takes over the files that it has written. After a failure the frozen head is joined with the
  /// new one, as if the checkpoint had not begun.
  package func finish(_ job: CheckpointJob, _ result: CheckpointResult) {
    let (sealed, removals) = (frozen, frozenRemovals)
    (frozen, frozenRemovals) = (nil, [])
    guard case .success(let outcome) = result.outcome else {
      if var all = sealed, all.rowCount > 0 {
        all.absorb(head)
        head = all
      }
      catalog.endStoring(succeeded: false)
      isReshaped = true
      return
    }
    for (segment, bitmap, number) in job.bitmaps {
      if let index = parts.firstIndex(where: { $0.segment.id == segment }) {
        parts[index].save(as: number, count: bitmap.count)
      }
    }
    let read = merging?.input.segments ?? []
    parts.removeAll { $0.liveRows == 0 && !read.contains($0.segment.id) }
    if let segment = outcome.segment { parts.append(part(segment, without: removals)) }
    if let table = outcome.table { tables.append(table) }
    catalog.endStoring(succeeded: true)
    manifests = [outcome.manifest] + manifests.prefix(1)
    writtenBytes &+= outcome.manifest.writtenBytes &- job.manifest.writtenBytes
    collectGarbage()
  }

  /// A new segment, without the documents that were removed while it was written.
  private func part(_ segment: Segment, without removals: [Removal]) -> LivePart {
    var part = LivePart(segment)
    for (document, set) in removals {
      guard let number = segment.document(of: document.bytes) else { continue }
      do { if try segment.properties(of: number).set == set { part.remove(number) } } catch {
        // The segment may now show a document that was removed.
        isBroken = true
      }
    }
    return part
  }

  /// Begins a merge: chooses its input.
  ///
  /// - Returns: the job to run, for `finish`; nil when nothing is worth it, another merge is under way, or `isBroken`.
  package func beginMerge(nowMilliseconds: Int64, _ choice: MergeChoice = .due) -> MergeJob? {
    guard !isMerging, !isBroken else { return nil }
    let chosen: MergeJob.Input? =
      switch choice {
      case .due: nextInput(nowMilliseconds)
      case .allSegments: parts.isEmpty ? nil : .segments(parts)
      case .allTables: tables.count > 1 ? .tables(tables, isOldest: true) : nil
      }
    guard let input = chosen else { return nil }
    let id = takeNumber()
    merging = (input, id, [])
    return MergeJob(
      disk: disk, input: input, id: id, panels: options.panels, dimension: dimension,
      weights: options.weights, nowMilliseconds: nowMilliseconds)
  }

  private func nextInput(_ now: Int64) -> MergeJob.Input? {
    // Tables first: they are small, and applying a record may look into all of them.
    if let range = options.tablePolicy.next(tables.map(\.byteCount)) {
      return .tables(Array(tables[range]), isOldest: range.lowerBound == 0)
    }
    if let range = options.segmentPolicy.next(parts.map(\.liveRows)) {
      return .segments(Array(parts[range]))
    }
    if let index = parts.indices.first(where: { isMostlyDead(parts[$0].removedRows, parts[$0]) }) {
      return .segments([parts[index]])
    }
    // Counting expired rows looks at every document, so this is done at most every ten minutes.
    guard now - expiryLookedAt >= 600_000 || now < expiryLookedAt else { return nil }
    expiryLookedAt = now
    for index in parts.indices where isMostlyDead(deadRows(parts[index], now), parts[index]) {
      return .segments([parts[index]])
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

  /// Ends a merge: its output replaces its input in memory. The next checkpoint makes this durable.
  package func finish(_ result: MergeResult) {
    guard let merging else { return }
    self.merging = nil
    guard case .success(let output) = result.outcome else { return }
    // Positions may have changed: checkpoints append parts, and drop other parts that have no live rows.
    switch output {
    case .segment(let segment):
      writtenBytes &+= UInt64(segment?.byteCount ?? 0)
      let read = merging.input.segments
      guard let first = parts.firstIndex(where: { read.contains($0.segment.id) }) else { return }
      parts.replaceSubrange(
        first..<first + read.count, with: segment.map { [part($0, without: merging.removals)] } ?? [])
    case .table(let table):
      writtenBytes &+= UInt64(table.byteCount)
      let read = merging.input.tables
      guard let first = tables.firstIndex(where: { read.contains($0.id) }) else { return }
      tables.replaceSubrange(first..<first + read.count, with: [table])
    }
    isReshaped = true
  }

  /// Removes the files that neither the two newest manifests nor the index in memory nor the running merge needs. A
  /// file that can't be removed is tried again next time.
  private func collectGarbage() {
    var needed = manifests.reduce(into: Set<String>()) { $0.formUnion($1.files) }
    for part in parts { needed.insert(part.segment.name) }
    for table in tables { needed.insert(table.name) }
    if let merging { needed.formUnion([Segment.name(merging.id), CatalogTable.name(merging.id)]) }
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
      memoryBytes: head.byteCount + (frozen?.byteCount ?? 0) + head.lexicon.byteCount + catalog.heldCount
        * 1024
        + parts.reduce(0) { $0 + $1.removed.words.count * 8 + $1.segment.documentCount * 2 }
        + tables.reduce(0) { $0 + $1.count * 4 },
      mappedBytes: parts.reduce(0) { $0 + $1.segment.byteCount } + tables.reduce(0) { $0 + $1.byteCount },
      writtenBytes: writtenBytes, sealedBytes: manifests.first?.sealedBytes ?? 0,
      live: partitions.values.reduce(LiveDigest()) { $0 + $1.live })
  }
}
