import KafkaClient
import Pools
import Records
import Settings
import Stage
import Synchronization
import Telemetry

/// Knows the newest versions of each partition, and checks whether `rag.documents` still holds their records.
///
/// The offsets of a topic that was deleted and recreated begin at 0 again, so new versions would count as older than
/// the former ones. Such a topic is recognised whatever its length, by the timestamps of the known records.
package final class KnownVersions: Sendable {
  /// An accepted version and the timestamp of its record, in milliseconds since 1970; nil if an older release wrote the
  /// event.
  struct Known: Sendable, Equatable {
    var version: Version
    var recordedAt: Int64?
  }

  /// How many records at the end of a status partition are read at first; ten times as many if they hold no version,
  /// and so on.
  private static let spanFirst: Int64 = 500
  /// How many records before the oldest open version are read, too.
  private static let readBefore: Int64 = 1000
  /// How many versions of a partition are remembered: records of older ones may be compacted away.
  private static let countMax = 200

  private let context: StageContext
  private let known = Mutex<[Int32: [Known]]>([:])
  /// The newest versions that `read` found on the status topic. `known` also holds versions of this process whose
  /// `accepted` may not be acknowledged yet.
  private let acknowledged = Mutex<[Int32: Version]>([:])

  package init(_ context: StageContext) { self.context = context }

  /// Remembers a version that this process accepts.
  func insert(_ record: ConsumerRecord, _ version: Version) {
    known.withLock { known in
      var versions = known[record.position.partition] ?? []
      versions.append(Known(version: version, recordedAt: record.timestampMilliseconds))
      if versions.count > Self.countMax { versions.removeFirst(versions.count - Self.countMax) }
      known[record.position.partition] = versions
    }
  }

  var partitions: [Int32] { known.withLock { Array($0.keys) } }

  func keep(_ partitions: Set<Int32>) { known.withLock { $0 = $0.filter { partitions.contains($0.key) } } }

  /// Reads the newest versions of these partitions from the ends of the status topic.
  ///
  /// - Throws: `KafkaFailure`, also when that takes longer than 60 s; `CancellationError`.
  package func read(_ partitions: [Int32]) async throws {
    let topic = context.topic(.documentStatus)
    acknowledged.withLock { $0 = [:] }
    var missing = Set(partitions)
    var span = Self.spanFirst
    while !missing.isEmpty {
      let names = missing.map { TopicPartition(topic, $0) }
      let isWhole = try await withReader(context.kafka) { reader in
        let ends = try await Self.ends(reader, names, context.logger)
        let beginnings = try await reader.beginnings(of: Array(ends.keys))
        var starts: [TopicPartition: ReplayReader.Start] = [:]
        // A partition that can't be read counts as read, without known versions, so that it doesn't hold up the others.
        var whole = Set(names.map(\.partition)).subtracting(ends.keys.map(\.partition))
        for name in ends.keys {
          let start = max(beginnings[name] ?? 0, (ends[name] ?? 0) - span)
          starts[name] = .offset(start)
          if start == beginnings[name] ?? 0 { whole.insert(name.partition) }
        }
        try await reader.assign(starts)
        let found = Mutex<[Int32: [Known]]>([:])
        try await reader.readToEnd(limit: .seconds(60)) { records in
          found.withLock { found in
            for record in records {
              guard let value = record.value, let status = try? StatusRecord(value: value),
                status.state == .accepted,
                let version = status.version
              else { continue }
              found[record.position.partition, default: []].append(
                Known(version: version, recordedAt: status.recordedAtMilliseconds))
            }
          }
        }
        for (partition, versions) in found.withLock({ $0 }) {
          let sorted = versions.sorted { $0.version.wasAccepted(before: $1.version) }
          self.known.withLock { $0[partition] = Array(sorted.suffix(Self.countMax)) }
          self.acknowledged.withLock { $0[partition] = sorted.last?.version }
        }
        return whole
      }
      missing = missing.filter { partition in
        !isWhole.contains(partition) && known.withLock { $0[partition] == nil }
      }
      span *= 10
    }
  }

  /// Checks that `rag.documents` still holds the records of the known versions.
  ///
  /// - Throws: `StageFatal` when the topic was recreated; `KafkaFailure`; `CancellationError`.
  package func check(_ partitions: [Int32]) async throws {
    let topic = context.topic(.documents)
    let candidates = known.withLock { known in
      known.filter { partitions.contains($0.key) && !$0.value.isEmpty }
    }
    guard !candidates.isEmpty else { return }
    let epoch = context.settings.ingest.epoch
    let names = candidates.keys.map { TopicPartition(topic, $0) }
    try await withReader(context.kafka) { reader in
      let ends = try await Self.ends(reader, names, context.logger)
      for (partition, versions) in candidates {
        let name = TopicPartition(topic, partition)
        guard let end = ends[name] else { continue }
        guard let newest = versions.last?.version else { continue }
        if newest.epoch > epoch { throw Self.recreated(name, end, newest, epoch) }
        if newest.epoch < epoch { continue }
        if newest.acceptedAt >= end { throw Self.recreated(name, end, newest, epoch) }
        // The newest known version whose record still exists must have the known timestamp. Compaction may have removed
        // other records.
        for known in versions.reversed().prefix(5) where known.version.epoch == epoch {
          guard let recordedAt = known.recordedAt else { continue }
          try await reader.assign([name: .offset(known.version.acceptedAt)])
          let limit = ContinuousClock.now + .seconds(5)
          var first: ConsumerRecord?
          while first == nil, ContinuousClock.now < limit {
            first = try await reader.next(maxRecords: 1, maxWait: .milliseconds(100)).first
            if first == nil, try await reader.currentPositions()[name] ?? 0 >= end { break }
          }
          guard let first, first.position.offset == known.version.acceptedAt else { continue }
          if first.timestampMilliseconds != recordedAt { throw Self.recreated(name, end, newest, epoch) }
          break
        }
      }
    }
  }

  /// The ends of the partitions that have a leader: all in one request, one by one when that fails.
  private static func ends(_ reader: ReplayReader, _ names: [TopicPartition], _ logger: Logger) async throws
    -> [TopicPartition: Int64]
  {
    do { return try await reader.ends(of: names, limit: .seconds(5)) } catch {
      logger.warning("Reading all ends at once failed, reading them one by one", [(.error, "\(error)")])
    }
    var ends: [TopicPartition: Int64] = [:]
    for name in names {
      try Task.checkCancellation()
      do { ends[name] = try await reader.ends(of: [name], limit: .milliseconds(500))[name] } catch {
        continue
      }
    }
    return ends
  }

  private static func recreated(_ name: TopicPartition, _ end: Int64, _ newest: Version, _ epoch: UInt32)
    -> StageFatal
  {
    StageFatal(
      """
      \(name) ends at \(end) and does not hold the record of the known version \(newest): the topic was \
      recreated. \
      Set ingest.epoch to \(max(newest.epoch, epoch) + 1) and put the documents again.
      """)
  }

  /// Where a partition without a commit must begin: at the lowest version without a terminal state, else after the
  /// highest known one. Kafka deletes the commits of a group that has no members for a week.
  ///
  /// Call `read` before. The reporter's commits tell where the oldest version without a terminal state lies on the
  /// status topic; without them the keys of the whole topic are read.
  ///
  /// - Returns: the offset where each partition begins; none for a partition without a known version.
  /// - Throws: `KafkaFailure`, also when that takes longer than 300 s; `CancellationError`.
  package func starts(_ partitions: [Int32]) async throws -> [Int32: Int64] {
    guard !partitions.isEmpty else { return [:] }
    let topic = context.topic(.documentStatus)
    let epoch = context.settings.ingest.epoch
    let notes = try await reporterNotes(Set(partitions))
    let states = Mutex<[Int32: (open: Set<Int64>, highest: Int64)]>([:])
    try await withReader(context.kafka) { reader in
      let names = partitions.map { TopicPartition(topic, $0) }
      let (beginnings, ends) = (
        try await reader.beginnings(of: names), try await reader.ends(of: names, limit: .seconds(5))
      )
      var starts: [TopicPartition: ReplayReader.Start] = [:]
      var opens: [Int32: Int64] = [:]
      for name in names {
        let beginning = beginnings[name] ?? 0
        // A note beyond the end belongs to a topic that has been deleted since.
        let note = notes[name.partition].flatMap { $0 <= ends[name] ?? 0 ? $0 : nil }
        opens[name.partition] = note ?? beginning
        // Some earlier records are read too, so that an `accepted` that repeats a version among them opens nothing.
        starts[name] = .offset(max(beginning, (note ?? beginning) - Self.readBefore))
      }
      let openFrom = opens
      try await reader.assign(starts)
      try await reader.readToEnd(limit: .seconds(300)) { records in
        states.withLock { states in
          for record in records {
            // The key says enough; millions of values need not be decoded.
            guard let key = StatusKey(bytes: record.key), key.version.epoch == epoch else { continue }
            let (partition, offset) = (record.position.partition, key.version.acceptedAt)
            let highest = states[partition]?.highest ?? -1
            if key.state != .accepted {
              states[partition]?.open.remove(offset)
            } else if offset > highest, record.position.offset >= openFrom[partition] ?? 0 {
              states[partition, default: ([], -1)].open.insert(offset)
            }
            states[partition, default: ([], -1)].highest = max(highest, offset)
          }
        }
      }
    }
    var result = states.withLock { $0.mapValues { $0.open.min() ?? $0.highest + 1 } }
    // Reading may have begun after the newest version's states: if no version is open, begin after the newest one.
    let newest = acknowledged.withLock { $0 }
    for partition in partitions {
      guard let version = newest[partition], version.epoch == epoch else { continue }
      let isOpen = states.withLock { $0[partition]?.open.isEmpty == false }
      if !isOpen { result[partition] = max(result[partition] ?? 0, version.acceptedAt + 1) }
    }
    return result
  }

  /// The status offsets of the oldest versions without a terminal state, from the reporters' commits; empty when the
  /// commits can't be read, so that the whole topic is read.
  private func reporterNotes(_ partitions: Set<Int32>) async throws -> [Int32: Int64] {
    do { return try await committedNotes(partitions) } catch let error as KafkaFailure {
      context.logger.warning("The reporter's commits can't be read", [(.error, "\(error)")])
      return [:]
    }
  }

  private func committedNotes(_ partitions: Set<Int32>) async throws -> [Int32: Int64] {
    let (settings, layout) = (context.settings, context.settings.search.layout)
    return try await withAdmin(context.kafka) { admin in
      var notes: [Int32: Int64] = [:]
      for shard in 0..<layout.count {
        let group = ConsumerGroup.index(shard: shard, of: layout)
        let own = group.partitions(of: settings.partitionCount(.vectors), layout).filter(partitions.contains)
        guard !own.isEmpty else { continue }
        let committed = try await admin.committed(
          group: settings.group(group), own.map { TopicPartition(settings.topic(.vectors), $0) })
        for (name, offset) in committed { notes[name.partition] = StageNote.read(offset) }
      }
      return notes
    }
  }
}
