import Engine
import Foundation
import KafkaClient
import Records
import Services
import Settings
import Stage
import Storage
import Synchronization
import Time

/// Opens the volume, replays what it lacks of the shard's partitions of `rag.vectors` into the index, then follows
/// their tail.
///
/// The gates of the search group and of the reporter open when the index has caught up. The reporter's closes while the
/// index holds records that it can't read.
final class ReplayService: Service {
  let name = "replay"
  private let context: StageContext
  private let partitions: [Int32]
  private let index: SearchIndex
  private let disk: FolderDisk?
  private let gates: [Gate]
  private let group: String
  private let isStopping = Mutex(false)
  /// Why the index can't read some records, which keeps the worker from being ready; nil when it can.
  private let blocked = Mutex<String?>(nil)

  /// - Parameters:
  ///   - disk: the volume; nil for an index in memory.
  ///   - group: the group that reports the states of the shard's versions.
  init(
    _ context: StageContext, partitions: [Int32], index: SearchIndex, disk: FolderDisk?, gates: [Gate],
    group: String
  ) {
    self.context = context
    self.disk = disk
    self.group = group
    self.partitions = partitions
    self.index = index
    self.gates = gates
    context.health.block("replay")
  }

  func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: `KafkaFailure` of kind `.fatal`; `StageFatal`; `CancellationError`.
  func run() async throws {
    do {
      try await withAdmin(context.kafka) { admin in
        if let disk { try await open(disk, admin) } else { await index.begin() }
        try await forgetReported(admin, untilKnown: true)
        try await withReader(context.kafka) { reader in try await follow(reader, admin) }
      }
    } catch let error as StorageError {
      // At the next start all files are checked, and what is damaged is rebuilt.
      throw StageFatal("the index can't be used: \(error)")
    }
  }

  /// Opens the volume, and decides whether the tail of the log is enough to catch it up.
  private func open(_ disk: FolderDisk, _ admin: KafkaAdmin) async throws {
    var hasComplained = false
    var states: [Int32: PartitionState]?
    while states == nil, !isStopping.withLock({ $0 }) {
      do { states = try await index.open(disk) } catch let error as StorageError {
        guard error.kind == .retriable else { throw error }
        if !hasComplained { context.logger.warning("Volume can't be opened yet", [(.error, "\(error)")]) }
        hasComplained = true
        context.health.block("the volume: \(error)")
        try await Task.sleep(for: .milliseconds(500))
        context.health.unblock("the volume: \(error)")
      }
    }
    guard let states, !states.isEmpty else { return await index.begin() }
    while !isStopping.withLock({ $0 }) {
      do {
        let check = try await volumeCheck(admin)
        if let reason = check.reason(against: states, nowMilliseconds: WallClock.milliseconds) {
          try await index.rebuild(disk, because: reason.text, code: reason.code)
        } else {
          await index.begin()
        }
        return
      } catch let error as KafkaFailure {
        if error.kind == .fatal { throw error }
        context.logger.info("Checking the volume against the log failed, retrying", [(.error, "\(error)")])
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private func volumeCheck(_ admin: KafkaAdmin) async throws -> VolumeCheck {
    let topic = context.topic(.vectors)
    let all = partitions.map { TopicPartition(topic, $0) }
    let committed = try await admin.committed(group: group, all)
    var retention = Self.retention(context.settings.topics.first { $0.topic == .vectors }?.settings)
    do {
      let real = try await admin.settings(ofTopics: [topic])[topic]?["delete.retention.ms"]?.value
      retention = real.flatMap { Int64($0) } ?? retention
    } catch {
      guard error.isForbidden else { throw error }
      context.logger.warning(
        "Reading the topic's delete.retention.ms is forbidden, using the value of the settings",
        [(.topic, topic)])
    }
    func byNumber(_ map: [TopicPartition: Int64]) -> [Int32: Int64] {
      Dictionary(map.map { ($0.key.partition, $0.value) }, uniquingKeysWith: max)
    }
    return VolumeCheck(
      partitions: partitions, beginnings: byNumber(try await admin.beginnings(all)),
      ends: byNumber(try await admin.ends(all)),
      committed: byNumber(committed.mapValues(\.nextOffset)), retentionMilliseconds: retention)
  }

  private static func retention(_ settings: [String: String]?) -> Int64 {
    settings?["delete.retention.ms"].flatMap { Int64($0) } ?? 86_400_000
  }

  /// Forgets the decisions of records that the reporters have committed. Later decisions are kept, because this replica
  /// may become the reporter.
  private func forgetReported(_ admin: KafkaAdmin, untilKnown: Bool = false) async throws {
    while !isStopping.withLock({ $0 }) {
      do {
        let topic = context.topic(.vectors)
        let committed = try await admin.committed(group: group, partitions.map { TopicPartition(topic, $0) })
        let ends = try await admin.ends(Array(committed.keys))
        // A commit beyond the end belongs to a topic that has been deleted since.
        let reported = committed.filter { $0.value.nextOffset <= ends[$0.key] ?? -1 }
        await index.forgetDecisions(
          before: Dictionary(reported.map { ($0.key.partition, $0.value.nextOffset) }, uniquingKeysWith: max)
        )
        return
      } catch {
        if error.kind == .fatal { throw error }
        guard untilKnown else { return }
        context.logger.info("Reading the reporters' commits failed, trying again", [(.error, "\(error)")])
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  /// Where reading begins: at the oldest record that the index remembers, to check that the log is still the same one.
  private func starts(_ admin: KafkaAdmin) async throws -> [TopicPartition: ReplayReader.Start] {
    let topic = context.topic(.vectors)
    let states = await index.partitions
    let beginnings = try await admin.beginnings(partitions.map { TopicPartition(topic, $0) })
    return Dictionary(
      uniqueKeysWithValues: partitions.map { partition in
        let name = TopicPartition(topic, partition)
        guard let state = states[partition], state.nextOffset > 0 else { return (name, .beginning) }
        let first = state.beacons.first?.offset ?? state.nextOffset
        return (name, .offset(max(first, beginnings[name] ?? 0)))
      })
  }

  private func follow(_ reader: ReplayReader, _ admin: KafkaAdmin) async throws {
    var nextForgetting = ContinuousClock.now + .seconds(5)
    let topic = context.topic(.vectors)
    var isAssigned = false
    var lastRecordAt = ContinuousClock.now
    var nextCheck = ContinuousClock.now
    let watch = Stopwatch()
    while !isStopping.withLock({ $0 }) {
      do {
        if !isAssigned {
          let starts = try await starts(admin)
          try await reader.assign(starts)
          await index.forgetReading(
            fromBeginning: starts.filter { $0.value == .beginning }.map(\.key.partition))
          isAssigned = true
          lastRecordAt = .now
        }
        if await index.mustWait {
          try await Task.sleep(for: .milliseconds(20))
        } else {
          let records = try await reader.next(
            maxRecords: 512, maxWait: .milliseconds(gates[0].isOpen ? 500 : 100))
          if !records.isEmpty { lastRecordAt = .now }
          if !records.isEmpty, try await !index.apply(records) {
            guard let disk, !gates[0].isOpen else { throw Self.madeAgain(topic) }
            try await index.rebuild(
              disk, because: "\(topic) holds other records than the volume has read", code: "recreated")
            try await forgetReported(admin)
            isAssigned = false
            continue
          }
        }
        if ContinuousClock.now >= nextCheck {
          nextCheck = .now + .milliseconds(gates[0].isOpen ? 1000 : 50)
          try await check(reader, watch, isQuiet: lastRecordAt.duration(to: .now) > Self.quietAfter)
        }
        if ContinuousClock.now >= nextForgetting {
          nextForgetting = .now + .seconds(5)
          try await forgetReported(admin)
        }
      } catch let error as KafkaFailure where error.kind != .fatal {
        context.logger.info("Reading the vectors topic failed, trying again", [(.error, "\(error)")])
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private static func madeAgain(_ topic: String) -> StageFatal {
    StageFatal("\(topic) was deleted and recreated: the index must be rebuilt after a restart")
  }

  /// A reader that got no record for this long has read all records.
  private static let quietAfter = Duration.seconds(3)

  /// - Parameter isQuiet: true when the reader got no record for a while.
  private func check(_ reader: ReplayReader, _ watch: Stopwatch, isQuiet: Bool) async throws {
    let topic = context.topic(.vectors)
    let asked = WallClock.milliseconds
    let ends = try await reader.ends()
    let positions = try await reader.currentPositions()
    // No record was polled after the ends were asked for, so a position beyond the end shows that the topic was
    // recreated.
    if positions.contains(where: { $0.value > ends[$0.key] ?? .max }) { throw Self.madeAgain(topic) }
    func byNumber(_ map: [TopicPartition: Int64]) -> [Int32: Int64] {
      Dictionary(map.map { ($0.key.partition, $0.value) }, uniquingKeysWith: max)
    }
    await index.advance(positions: byNumber(positions), ends: byNumber(ends), askedMilliseconds: asked)
    let unread = await index.unreadReason
    let former = blocked.withLock { blocked in
      defer { blocked = unread }
      return blocked
    }
    if former != unread {
      if let unread { context.health.block(unread) }
      if let former { context.health.unblock(former) }
    }
    // The reporter leaves its group while this index can't read or store records, so that another worker gets the
    // partitions.
    let isFaulty = await index.isFaulty
    let reports = try await !index.holdsUnread() && !isFaulty
    if gates[0].isOpen, gates[1].isOpen != reports { gates[1].set(open: reports) }
    // Also wait until the remembered records have been read again, because only they show whether the log is still the
    // same one. If compaction has removed the last records, the reader's position stays before the end: then the reader
    // is quiet.
    let hasReadAll = isQuiet || ends.allSatisfy { positions[$0.key] ?? 0 >= $0.value }
    if hasReadAll, index.isCaughtUp, !gates[0].isOpen {
      context.logger.info(
        "Index caught up", [(.durationMilliseconds, "\(Int(watch.milliseconds))")])
      gates[0].set(open: true)
      gates[1].set(open: reports)
      context.health.unblock("replay")
    }
  }
}
