import Catalog
import KafkaClient
import Records
import Stage
import Synchronization

/// Writes all terminal states of document versions, in the order of `rag.vectors`, and tombstones for the keys of dead
/// versions.
///
/// The reporter reads `rag.vectors` as a member of the shard's index group and ignores partitions of other shards,
/// which the group is assigned too. For each record it waits until the replica's own index has applied the record, so
/// that `indexed` means: visible here. It writes what each record decided according to the catalog, so two reporters
/// write the same.
package final class Reporter: StageWork {
  private let context: StageContext
  private let partitions: Set<Int32>
  private let index: SearchIndex
  private let open = OpenStates()
  /// The offset of the newest status record that was read, by partition.
  private let lastRead = Mutex<[Int32: Int64]>([:])
  private let tail: ReplayReader
  private let turns = Turns<Int>()

  package init(_ context: StageContext, partitions: Set<Int32>, index: SearchIndex) {
    self.context = context
    self.partitions = partitions
    self.index = index
    tail = ReplayReader(context.kafka)
  }

  package func ignores(_ partition: TopicPartition) -> Bool { !partitions.contains(partition.partition) }

  /// Begins to read the status partitions at the oldest version that was open at the last commit.
  ///
  /// - Throws: `KafkaFailure`; `CancellationError`.
  package func assigned(_ assigned: [TopicPartition: CommittedOffset?]) async throws -> [TopicPartition:
    Int64]
  {
    let names = assigned.keys.map { TopicPartition(context.topic(.documentStatus), $0.partition) }
    // Retention may have deleted the event that a note points at. A partition without a leader must not hold up the
    // others.
    var (beginnings, ends): ([TopicPartition: Int64], [TopicPartition: Int64]) = ([:], [:])
    do {
      beginnings = try await tail.beginnings(of: names)
      ends = try await tail.ends(of: names, limit: .seconds(5))
    } catch {
      context.logger.warning("Reading the bounds of the status partitions failed", [(.error, "\(error)")])
    }
    var starts: [TopicPartition: ReplayReader.Start] = [:]
    var tables: [Int32: OpenVersions] = [:]
    for (partition, committed) in assigned {
      let name = TopicPartition(context.topic(.documentStatus), partition.partition)
      var note = committed.flatMap { StageNote.read($0) }
      if let known = note, let end = ends[name], known > end {
        context.logger.warning(
          "The status topic was recreated: versions accepted before get no terminal state",
          [(.partition, "\(partition.partition)")])
        note = nil
      }
      tables[partition.partition] = OpenVersions(start: note ?? 0)
      starts[name] = .offset(max(beginnings[name] ?? 0, (note ?? 0) - OpenVersions.readBefore, 0))
    }
    // A read that began under the former assignment must not take records of this one.
    open.clear()
    try await turns.take(0)
    defer { turns.release(0) }
    lastRead.withLock { $0 = [:] }
    try await tail.assign(starts)
    open.replace(with: tables)
    return [:]
  }

  package func note(for partition: TopicPartition) -> Int64? {
    open.oldestOffset(of: partition.partition)
  }

  /// Reads one status partition to its end: `accepted` was acknowledged before the vectors were written, so it is
  /// found. Only one read runs at a time: it applies all records that it takes from the tail, also those of other
  /// partitions, before the next read begins.
  ///
  /// - Returns: the number of the table that was read; nil when the partition is no longer this member's, or is being
  ///   assigned anew.
  /// - Throws: `KafkaFailure` when the partition can't be read; `CancellationError`.
  package func readStates(_ partition: Int32) async throws -> Int? {
    try await turns.take(0)
    defer { turns.release(0) }
    let name = TopicPartition(context.topic(.documentStatus), partition)
    let end = try await tail.ends(of: [name], limit: .seconds(1))[name] ?? 0
    var positions = try await tail.currentPositions()
    if positions[name] ?? 0 > end {
      restart(partition)
      positions[name] = 0
      try await tail.assign(positions.mapValues { .offset($0) })
    }
    while true {
      try Task.checkCancellation()
      guard open.table(of: partition) != nil else { return nil }
      if try await tail.currentPositions()[name] ?? 0 >= end { break }
      let records = try await tail.next(maxRecords: 1000, maxWait: .milliseconds(100))
      for record in records {
        let (partition, offset) = (record.position.partition, record.position.offset)
        // If the topic was recreated and is already longer than it was, the client reads it from the beginning.
        if offset <= lastRead.withLock({ $0[partition] }) ?? -1 { restart(partition) }
        lastRead.withLock { $0[partition] = offset }
        guard let value = record.value, let status = try? StatusRecord(value: value) else { continue }
        open.apply(status, partition, offset: offset)
      }
    }
    open.advance(partition, to: end)
    // No assignment can install a new table during this turn.
    return open.table(of: partition)
  }

  /// Forgets the partition's open versions: the status topic was deleted and recreated, so their events are gone.
  private func restart(_ partition: Int32) {
    context.logger.warning(
      "The status topic was recreated: versions accepted before get no terminal state",
      [(.partition, "\(partition)")])
    lastRead.withLock { $0[partition] = nil }
    open.restart(partition)
  }

  /// - Throws: `StorageError` when a file of the index can't be read; `CancellationError`.
  package func work(
    on records: [RecordInWork], until limit: ContinuousClock.Instant
  ) async throws -> [Disposition] {
    var dispositions = [Disposition](repeating: Disposition(.notBegun), count: records.count)
    // Dead keys get tombstones once for each document, after its last record in this batch.
    var last: [DocumentKey: Int] = [:]
    for (number, item) in records.enumerated() {
      if let key = VectorKey(bytes: item.record.key) { last[key.document] = number }
    }
    for (number, item) in records.enumerated() {
      guard item.record.value != nil, let key = VectorKey(bytes: item.record.key) else {
        dispositions[number] = .done([])
        continue
      }
      guard ContinuousClock.now < limit else { break }
      do {
        dispositions[number] = try await decide(item.record, key, isLast: last[key.document] == number)
        // The partition is leaving or being assigned anew: later records can't be finished before this one.
        if case .left = dispositions[number].outcome { break }
      } catch let error as KafkaFailure {
        // The records before this one stay decided, because their states count as being sent.
        dispositions[number] = Disposition(.retry(after: nil, error))
        break
      } catch {
        // No state of this batch will be sent.
        for disposition in dispositions { await disposition.settled?(false) }
        throw error
      }
    }
    return dispositions
  }

  private func decide(_ record: ConsumerRecord, _ key: VectorKey, isLast: Bool) async throws -> Disposition {
    let partition = record.position.partition
    try await waitUntilApplied(record)
    if try await index.isUnread(partition, record.position.offset) {
      // Another worker decides the record: one with the right model, or of a newer release.
      return Disposition(
        .retry(
          after: .seconds(5),
          FieldError(
            .badRecord, field: "value", value: key.description, rule: "must be readable by this index")))
    }
    let nulls =
      isLast
      ? try await index.deadKeys(of: key.document).map { key in
        OutgoingRecord(topic: context.topic(.vectors), partition: partition, key: key.bytes, value: nil)
      } : []
    var events: [OutgoingRecord] = []
    var closing: [(DocumentKey, Version)] = []
    if let decision = await index.decision(partition, record.position.offset) {
      guard let statuses = try await statuses(key.document, decision, record) else {
        return Disposition(.left)
      }
      for status in statuses {
        events.append(event(status, record))
        if let version = status.version { closing.append((key.document, version)) }
      }
    }
    let closed = closing
    // Tombstones are sent only after the states are acknowledged.
    return Disposition(.done([events, nulls].filter { !$0.isEmpty }.map { .records($0) })) { isFinished in
      for (document, version) in closed {
        self.open.end(document, version, partition, isAcknowledged: isFinished)
      }
    }
  }

  /// The states to write for a decision; nil when the partition is no longer this member's.
  private func statuses(
    _ document: DocumentKey, _ decision: DocumentCatalog.Decision, _ record: ConsumerRecord
  ) async throws -> [StatusRecord]? {
    let partition = record.position.partition
    let token = VectorsToken(partition: partition, nextOffset: record.nextOffset)
    while true {
      var table = open.table(of: partition, knowing: document, decision.version)
      if table == nil { table = try await readStates(partition) }
      guard let table else { return nil }
      // An assignment may have replaced the table in between.
      if let states = open.begin(decision, document, partition, table: table, token: token) { return states }
    }
  }

  /// Writes no state: a record is rejected here only because the status topic refuses its state.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] { [] }

  private func waitUntilApplied(_ record: ConsumerRecord) async throws {
    while index.position(of: record.position.partition) <= record.position.offset {
      try await Task.sleep(for: .milliseconds(2))
    }
  }

  private func event(_ status: StatusRecord, _ record: ConsumerRecord) -> OutgoingRecord {
    context.metrics.increment(.terminalStates, [("kind", "document"), ("state", status.state.rawValue)])
    var key = Array(status.id.utf8)
    if let document = status.document, let version = status.version {
      key = StatusKey.bytes(document, version, status.state)
    }
    return OutgoingRecord(
      topic: context.topic(.documentStatus), partition: record.position.partition, key: key,
      value: status.json.bytes,
      headers: record.passedHeaders)
  }
}
