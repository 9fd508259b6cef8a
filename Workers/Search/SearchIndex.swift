import BlockingExecutor
import Catalog
import Engine
import KafkaClient
import Records
import Segments
import Stage
import Storage
import Synchronization
import Telemetry
import Time

/// The index of one shard in one replica. Records are applied on the actor's own thread. Searches read the newest view
/// on another thread, so that neither waits for the other. Checkpoints and merges run on two more threads.
package actor SearchIndex {
  /// The state that searches and answers read. It is published as a whole.
  private struct Published {
    var view = IndexView()
    var status: IndexStatus?
    var positions: [Int32: Int64] = [:]
    var ends: [Int32: Int64] = [:]
    var endsKnownAt = ContinuousClock.now
    var newestAppliedMilliseconds: Int64 = 0
    var unreadCount = 0

    var notApplied: Int64 { ends.reduce(0) { $0 + max(0, $1.value - (positions[$1.key] ?? 0)) } }
  }

  private let executor = BlockingExecutor(name: "index")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  private nonisolated let scans = BlockingCalls(name: "scan")
  private nonisolated let jobs = BlockingCalls(name: "index-store")
  /// Merges have a thread of their own, because its priority is lowered and stays low.
  private nonisolated let merges = BlockingCalls(name: "index-merge")
  private nonisolated let published = Mutex<Published>(Published())
  private nonisolated let isStopping = Mutex(false)

  private nonisolated let options: IndexOptions
  private nonisolated let threads: Int
  private nonisolated let metrics: MetricsRegistry
  private nonisolated let logger: Logger
  private var engine: IndexEngine
  /// Keeps other processes out of the volume.
  private var lock: VolumeLock?
  /// For each document with a record that can't be read here: the newest version with such a record, and the reason.
  private var unread: [DocumentKey: (version: Version, reason: String)] = [:]
  /// The unreadable records that the reporters have not committed, by partition and offset.
  private var unreadRecords: [Int32: [Int64: VectorKey]] = [:]
  /// False until it is decided whether the volume can be used. Until then no job may begin.
  private var mayStore = false
  private var checkpointedAt = ContinuousClock.now
  /// Why the last checkpoint failed; nil when it did not.
  private var fault: String?

  /// How old the known ends of the log may be. An index that hasn't heard from its broker for longer may be behind, and
  /// says so.
  private static let endsAgeMax = Duration.seconds(5)
  /// How many full heads may wait for a checkpoint before no further record is applied.
  private static let fullHeadsMax = 2

  /// Creates an index in memory.
  package init(
    _ options: IndexOptions, threads: Int = 1, metrics: MetricsRegistry, logger: Logger
  ) {
    self.options = options
    self.threads = threads
    self.metrics = metrics
    self.logger = logger
    engine = IndexEngine(inMemory: options)
  }

  /// Opens the index that is stored on a volume.
  ///
  /// - Returns: how far the index has applied each partition; empty for a new index. `begin` or `rebuild` must follow.
  /// - Throws: `StorageError` when the volume can't be used, or another process uses it; `CancellationError`.
  package func open(_ disk: FolderDisk) async throws -> [Int32: PartitionState] {
    if lock == nil { lock = try VolumeLock(disk) }
    try await awaitJobs()
    let (opened, faults) = try IndexEngine.open(disk, options)
    for fault in faults {
      metrics.increment(.indexFaults, [("reason", "\(fault.code)")])
      logger.error("A state of the index can't be used", [(.reason, fault.description)])
    }
    if opened.partitions.isEmpty, !faults.isEmpty {
      metrics.increment(.indexRebuilds, [("reason", "fault")])
      logger.warning("The index is rebuilt from the log", [(.reason, "no stored state can be used")])
    }
    engine = opened
    checkpointedAt = .now
    publish()
    return engine.partitions
  }

  /// Waits until no job works on the present engine. No other begins before `begin` or the end of `rebuild`.
  private func awaitJobs() async throws {
    mayStore = false
    while engine.isSaving || engine.isMerging { try await Task.sleep(for: .milliseconds(5)) }
  }

  /// Uses the index that was opened, or the empty index in memory: jobs may begin.
  package func begin() { mayStore = true }

  /// Starts over with an empty index.
  ///
  /// - Throws: `StorageError`; `CancellationError`.
  package func rebuild(_ disk: FolderDisk, because reason: String, code: String) async throws {
    try await awaitJobs()
    metrics.increment(.indexRebuilds, [("reason", code)])
    logger.warning("The index is rebuilt from the log", [(.reason, reason)])
    engine = try IndexEngine(disk, options)
    unread = [:]
    unreadRecords = [:]
    published.withLock { $0 = Published() }
    publish()
    mayStore = true
  }

  /// How far each partition is applied, with the records by which the log is recognised.
  package var partitions: [Int32: PartitionState] { engine.partitions }

  /// Applies records of `rag.vectors` in their order.
  ///
  /// - Returns: false when the topic was deleted and recreated: this index was made from a log that is gone.
  /// - Throws: `StorageError` when a file of the index can't be read.
  @discardableResult
  package func apply(_ records: [ConsumerRecord]) throws(StorageError) -> Bool {
    defer { publish() }
    for record in records {
      let (partition, offset) = (record.position.partition, record.position.offset)
      let state = engine.partitions[partition] ?? PartitionState()
      let beacon = PartitionState.Beacon(
        offset: offset, timestampMilliseconds: record.timestampMilliseconds)
      if offset < state.nextOffset {
        // This record was applied before a restart and is read again only to compare it.
        if let newest = lastSeen[partition], offset <= newest { return false }
        if state.beacons.isEmpty || offset < state.beacons[0].offset || state.contradicts(beacon) {
          return false
        }
        lastSeen[partition] = offset
        continue
      }
      lastSeen[partition] = offset
      try apply(record)
      engine.partitions[partition, default: PartitionState()].apply(beacon, nextOffset: record.nextOffset)
      published.withLock {
        $0.newestAppliedMilliseconds = max($0.newestAppliedMilliseconds, record.timestampMilliseconds)
      }
    }
    return true
  }

  /// The offset of the newest record that was read, by partition.
  private var lastSeen: [Int32: Int64] = [:]

  /// Forgets which records were read, because the reader begins anew.
  ///
  /// - Parameter fromBeginning: partitions that are read from their beginning. However old a record is, it is in the
  ///   log now, so a tombstone for it will be kept for the whole `delete.retention.ms` from now on.
  package func forgetReading(fromBeginning: [Int32]) {
    lastSeen = [:]
    for partition in fromBeginning {
      engine.partitions[partition, default: PartitionState()].cover(WallClock.milliseconds)
    }
  }

  private func publish() {
    let view = engine.view
    let status = engine.status
    let positions = status.partitions.mapValues(\.nextOffset)
    let unreadCount = unread.count
    published.withLock { published in
      published.view = view
      published.status = status
      published.positions.merge(positions) { max($0, $1) }
      published.unreadCount = unreadCount
    }
    engine.holdsUnread = !unread.isEmpty || unreadRecords.values.contains { !$0.isEmpty }
    metrics.set(.indexVectors, to: Double(engine.rowCount))
    metrics.set(.indexDocuments, to: Double(engine.visibleCount))
    // A rebuilt index may have no document of a reader that was reported before.
    let counts = engine.visibleByReader
    for reader in reportedReaders.union(counts.keys) where reader?.isOlder ?? true {
      metrics.set(
        .indexOutdated, to: Double(counts[reader] ?? 0), [("reader", reader?.description ?? "unknown")])
    }
    reportedReaders = Set(counts.keys)
  }

  /// The readers whose documents were counted by the last `publish`.
  private var reportedReaders: Set<ReaderVersion?> = []

  private func apply(_ record: ConsumerRecord) throws(StorageError) {
    guard let key = VectorKey(bytes: record.key) else {
      skip(.badKey)
      return
    }
    guard let value = record.value else {
      try engine.forget(key)
      forgetUnread(key, record.position.partition)
      return
    }
    let batch: VectorBatch
    do {
      batch = try VectorBatch(wireBytes: value)
    } catch {
      if error.isNewer {
        return try leave(record, key, "records of a newer release (\(error.rule))", .badRecord)
      }
      logger.warning("Vector record skipped", [(.topic, record.position.description), (.error, "\(error)")])
      skip(.badRecord)
      return
    }
    // The key decides what is replaced and removed, the value what is shown: both must be of the same part.
    guard batch.key == key else {
      logger.warning(
        "Vector record skipped",
        [(.topic, record.position.description), (.error, "its key does not match its value")])
      skip(.keyMismatch)
      return
    }
    if case .vectors(let chunks, let width, _) = batch.content {
      // An index of one model must not hold vectors of another: their scores can't be compared.
      let dimension = engine.dimension
      guard batch.header.model == options.model, chunks.isEmpty || dimension == 0 || dimension == width else {
        let other = batch.header.model
        return try leave(
          record, key, other == options.model ? "vectors of \(width) values" : "vectors of model '\(other)'",
          .wrongModel)
      }
      // An empty batch must not fix the dimension.
      if !chunks.isEmpty { engine.fix(dimension: width) }
    }
    let position = record.position
    let decision = try engine.apply(key, batch, partition: position.partition)
    if let known = unread[key.document], try engine.isDecided(key.document, known.version) {
      unread[key.document] = nil
    }
    if let decision, position.offset >= engine.partitions[position.partition]?.reportedTo ?? 0 {
      engine.partitions[position.partition, default: PartitionState()].decisions[position.offset] = decision
    }
  }

  /// Leaves out a record that can't be read here. Another worker may read it, or its document may be put again; until
  /// then this index is incomplete.
  private func leave(_ record: ConsumerRecord, _ key: VectorKey, _ reason: String, _ code: ErrorCode)
    throws(StorageError)
  {
    skip(code)
    let position = record.position
    if position.offset >= engine.partitions[position.partition]?.reportedTo ?? 0 {
      unreadRecords[position.partition, default: [:]][position.offset] = key
    }
    try engine.leave(key)
    if try engine.isDecided(key.document, key.version) { return }
    if unread.isEmpty {
      logger.error(
        "The index can't read some records", [(.topic, position.description), (.reason, reason)])
    }
    if let known = unread[key.document], known.version > key.version { return }
    unread[key.document] = (key.version, reason)
  }

  /// Forgets an unreadable record, because its key got a tombstone.
  private func forgetUnread(_ key: VectorKey, _ partition: Int32) {
    guard unread[key.document] != nil || unreadRecords[partition]?.isEmpty == false else { return }
    if unread[key.document]?.version == key.version { unread[key.document] = nil }
    unreadRecords[partition] = unreadRecords[partition]?.filter { $0.value != key }
  }

  private func skip(_ reason: ErrorCode) {
    metrics.increment(.indexSkipped, [("reason", reason.rawValue)])
  }

  /// How many documents this index can't read, and why; nil when it can read all. A document counts only if it has no
  /// newer version here.
  package var unreadReason: String? {
    // No document IDs: everyone who probes the worker can read this. The log has the first record's position.
    guard let known = unread.first?.value else { return nil }
    return "the index can't read \(unread.count) documents, for example \(known.reason)"
  }

  /// True for a record that can't be read here and on which the state of its version depends.
  ///
  /// - Throws: `StorageError` when a file of the index can't be read.
  package func isUnread(_ partition: Int32, _ offset: Int64) throws(StorageError) -> Bool {
    guard let key = unreadRecords[partition]?[offset] else { return false }
    return try !engine.isDecided(key.document, key.version)
  }

  /// True when the reporter must leave a record to another worker.
  ///
  /// - Throws: as `isUnread`.
  package func holdsUnread() throws(StorageError) -> Bool {
    for records in unreadRecords.values {
      for key in records.values where try !engine.isDecided(key.document, key.version) { return true }
    }
    return false
  }

  /// What the record decided; nil when it decided nothing, or its states were written and committed.
  package func decision(_ partition: Int32, _ offset: Int64) -> DocumentCatalog.Decision? {
    engine.partitions[partition]?.decisions[offset]
  }

  /// Forgets the decisions of records that the reporters have committed.
  package func forgetDecisions(before committed: [Int32: Int64]) {
    for (partition, offset) in committed where offset > engine.partitions[partition]?.reportedTo ?? -1 {
      var state = engine.partitions.removeValue(forKey: partition) ?? PartitionState()
      state.reportedTo = offset
      state.decisions = state.decisions.filter { $0.key >= offset }
      engine.partitions[partition] = state
      unreadRecords[partition] = unreadRecords[partition]?.filter { $0.key >= offset }
    }
  }

  /// Takes over the reader's positions. They also pass gaps of a compacted topic, which hold no record.
  ///
  /// - Parameter askedMilliseconds: when the ends were asked for, in milliseconds since 1970.
  package func advance(
    positions: [Int32: Int64], ends: [Int32: Int64], askedMilliseconds: Int64 = WallClock.milliseconds
  ) {
    for (partition, position) in positions {
      var state = engine.partitions.removeValue(forKey: partition) ?? PartitionState()
      state.nextOffset = max(state.nextOffset, position)
      if let end = ends[partition], state.nextOffset >= end { state.cover(askedMilliseconds) }
      engine.partitions[partition] = state
    }
    let status = engine.status
    published.withLock { published in
      published.status = status
      published.positions = status.partitions.mapValues(\.nextOffset)
      published.ends = ends
      published.endsKnownAt = .now
    }
    metrics.set(.indexBehind, to: Double(behind.records))
    report(status)
  }

  /// True when every record up to the last known ends is applied, and these ends are recent.
  package nonisolated var isCaughtUp: Bool {
    published.withLock { $0.notApplied == 0 && ContinuousClock.now - $0.endsKnownAt <= Self.endsAgeMax }
  }

  /// What answers say about the index: how many records are not applied yet, plus how many documents can't be read.
  package nonisolated var behind: IndexBehind {
    published.withLock { published in
      let records = published.notApplied + Int64(published.unreadCount)
      let age = ContinuousClock.now - published.endsKnownAt
      if age > Self.endsAgeMax {
        return IndexBehind(records: max(1, records), milliseconds: age.milliseconds)
      }
      return IndexBehind(
        records: records,
        milliseconds: published.notApplied == 0
          ? 0 : max(0, WallClock.milliseconds - published.newestAppliedMilliseconds))
    }
  }

  package nonisolated func position(of partition: Int32) -> Int64 {
    published.withLock { $0.positions[partition] ?? 0 }
  }

  /// - Throws: `StorageError` when a file of the index can't be read.
  package nonisolated func search(_ queries: [IndexQuery]) async throws -> [IndexAnswer] {
    let view = published.withLock { $0.view }
    let threads = threads
    let search = HybridSearch(view, HybridSearch.Rules(options.analysis, options.weights))
    return try await scans.run { try search.search(queries, threads: threads) }
  }

  /// - Throws: `StorageError` when a file of the index can't be read.
  package func deadKeys(of document: DocumentKey) throws(StorageError) -> [VectorKey] {
    try engine.deadKeys(of: document)
  }

  /// True while no record may be applied, because the index can't be stored or checkpoints don't keep up.
  package var mustWait: Bool { fault != nil || engine.fullHeads >= Self.fullHeadsMax }

  package var isHeadFull: Bool { engine.isHeadFull }

  /// Whether a change was applied only in part, because a file could not be read. Only a restart corrects that.
  package var isBroken: Bool { engine.isBroken }

  /// Whether the index takes no records because it can't be stored: another replica must report the states.
  package var isFaulty: Bool { fault != nil }

  /// Stores the present state by a checkpoint, when one is due.
  ///
  /// - Parameters:
  ///   - interval: changes are stored at least this often.
  ///   - isLast: the process ends: what is not durable now must be read again at the next start.
  /// - Returns: why the index can't be stored; nil when it can.
  package func store(every interval: Duration, isLast: Bool = false) async -> String? {
    guard mayStore else { return fault }
    let age = ContinuousClock.now - checkpointedAt
    let isDue =
      engine.isHeadFull || fault != nil || isLast && engine.hasChanges || age >= interval && engine.hasChanges
      || age >= .seconds(3600)
    if isDue { await checkpoint() }
    return fault
  }

  /// Merges the segments and tables that are due, while checkpoints go on.
  package func mergeDue() async {
    guard mayStore, fault == nil, ContinuousClock.now >= mergesFrom else { return }
    do { try await merge(.due) } catch {
      // Wait, so that a disk without room for a merge is not filled again and again.
      mergesFrom = .now + .seconds(60)
      metrics.increment(.indexCheckpoints, [("result", "merge_failed")])
      logger.error("Merging segments or tables failed, trying again after 60 s", [(.error, "\(error)")])
    }
  }

  private var mergesFrom = ContinuousClock.now
  /// True when the running merge must stop and free its disk space.
  private nonisolated let mergeMustEnd = Mutex(false)

  /// - Parameter waits: true to wait for a checkpoint that is under way, and then make another one of the state at that
  ///   time.
  private func checkpoint(waits: Bool = false) async {
    var job = mayStore ? engine.beginCheckpoint(nowMilliseconds: WallClock.milliseconds) : nil
    while job == nil, waits, mayStore, engine.isSaving {
      // A cancelled task must not wait: its sleeps return at once, so it would keep the other job from ending.
      do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
      job = engine.beginCheckpoint(nowMilliseconds: WallClock.milliseconds)
    }
    guard let job else { return }
    publish()
    let result = await jobs.run { job.run() }
    engine.finish(job, result)
    publish()
    checkpointedAt = .now
    metrics.increment(.indexCheckpoints, [("result", result.error == nil ? "stored" : "failed")])
    if let error = result.error as? StorageError, error.code == .full, engine.isMerging {
      // The running merge has used up the disk space: stop it, and try the checkpoint again at once.
      mergeMustEnd.withLock { $0 = true }
      mergesFrom = .now + .seconds(60)
      defer { mergeMustEnd.withLock { $0 = false } }
      while engine.isMerging {
        do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
      }
      mergeMustEnd.withLock { $0 = false }
      return await checkpoint()
    }
    metrics.set(.indexDiskFault, to: result.error == nil ? 0 : 1)
    if let error = result.error {
      if fault == nil { logger.error("The index can't be stored", [(.error, "\(error)")]) }
      fault = "the index can't be stored: \(error)"
    } else {
      if fault != nil { logger.info("The index can be stored again") }
      fault = nil
    }
  }

  /// - Returns: true when everything chosen is merged, or there was nothing to merge; false when the merge was stopped.
  /// - Throws: the job's error, except its cancellation; `CancellationError` of the task.
  @discardableResult
  private func merge(_ choice: MergeChoice) async throws -> Bool {
    let mustEnd = { @Sendable in self.isStopping.withLock { $0 } || self.mergeMustEnd.withLock { $0 } }
    while mayStore, !engine.isBroken, !mustEnd() {
      guard let job = engine.beginMerge(nowMilliseconds: WallClock.milliseconds, choice) else {
        // A merge on request waits for the merge that is running.
        guard choice != .due, engine.isMerging else { return true }
        try await Task.sleep(for: .milliseconds(20))
        continue
      }
      let result = await merges.run {
        ThreadPriority.lower()
        return job.run(isCancelled: mustEnd)
      }
      engine.finish(result)
      publish()
      if let error = result.error {
        if error is CancellationError { return false }
        throw error
      }
      // A merge on request runs once: documents that are removed meanwhile wait for the next merge.
      if choice != .due { return true }
    }
    return false
  }

  /// Merges everything, so that no removed data is left on the disk. Checkpoints go on meanwhile.
  ///
  /// - Returns: why merging failed; nil when it succeeded.
  package func compact() async -> String? {
    guard mayStore else { return "the index is being opened" }
    do {
      await checkpoint(waits: true)
      guard try await merge(.allSegments) else { return "the merge was stopped" }
      await checkpoint(waits: true)
      guard try await merge(.allTables) else { return "the merge was stopped" }
    } catch {
      return "\(error)"
    }
    await checkpoint(waits: true)
    // The files of the former state are kept until a second state does not need them.
    await checkpoint(waits: true)
    return fault
  }

  /// Makes a running merge stop soon. No other merge begins.
  package nonisolated func stop() { isStopping.withLock { $0 = true } }

  private func report(_ status: IndexStatus) {
    metrics.set(.indexSegments, to: Double(status.segments.count))
    metrics.set(.indexMemory, to: Double(status.memoryBytes))
    metrics.set(.indexMapped, to: Double(status.mappedBytes))
    metrics.set(.indexRemovedRows, to: Double(status.segments.reduce(0) { $0 + $1.rows - $1.liveRows }))
    metrics.set(
      .indexWriteAmplification,
      to: status.sealedBytes == 0 ? 1 : Double(status.writtenBytes) / Double(status.sealedBytes))
  }

  /// The index as JSON, for operators.
  package nonisolated var statusText: String {
    guard let status = published.withLock({ $0.status }) else { return "{}" }
    return IndexReport(status, behind).json.text
  }
}
