import Foundation
import KafkaClient
import Records
import Services
import Stage
import Synchronization
import Time

/// Replays the shard's partitions of `rag.vectors` into the index, then follows their tail.
///
/// The gates of the search group and of the reporter open when the index has caught up. The reporter's closes while the
/// index holds records that it can't read.
final class ReplayService: Service {
  let name = "replay"
  private let context: StageContext
  private let partitions: [Int32]
  private let index: SearchIndex
  private let gates: [Gate]
  private let group: String
  private let isStopping = Mutex(false)
  /// The reason that keeps the worker from being ready, while it holds.
  private let blocked = Mutex<String?>(nil)

  /// - Parameter group: the group that reports the states of the shard's versions.
  init(_ context: StageContext, partitions: [Int32], index: SearchIndex, gates: [Gate], group: String) {
    self.context = context
    self.group = group
    self.partitions = partitions
    self.index = index
    self.gates = gates
    context.health.block("replay")
  }

  func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: `KafkaFailure` of kind `.fatal`; `CancellationError`.
  func run() async throws {
    try await withAdmin(context.kafka) { admin in
      try await forgetReported(admin, untilKnown: true)
      try await withReader(context.kafka) { reader in try await follow(reader, admin) }
    }
  }

  /// What the reporters have committed needs no decisions any more; also this replica may become the reporter.
  private func forgetReported(_ admin: KafkaAdmin, untilKnown: Bool = false) async throws {
    while !isStopping.withLock({ $0 }) {
      do {
        let topic = context.topic(.vectors)
        let committed = try await admin.committed(group: group, partitions.map { TopicPartition(topic, $0) })
        let ends = try await admin.ends(Array(committed.keys))
        // A commit beyond the end is of a topic that was deleted since.
        let reported = committed.filter { $0.value.nextOffset <= ends[$0.key] ?? -1 }
        await index.forgetDecisions(
          before: Dictionary(reported.map { ($0.key.partition, $0.value.nextOffset) }, uniquingKeysWith: max)
        )
        return
      } catch {
        if error.kind == .fatal { throw error }
        guard untilKnown else { return }
        context.logger.info("Replay waits for the broker", [(.error, "\(error)")])
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private func follow(_ reader: ReplayReader, _ admin: KafkaAdmin) async throws {
    var nextForgetting = ContinuousClock.now + .seconds(5)
    let topic = context.topic(.vectors)
    var isAssigned = false
    var nextCheck = ContinuousClock.now
    let watch = Stopwatch()
    while !isStopping.withLock({ $0 }) {
      do {
        if !isAssigned {
          try await reader.assign(
            Dictionary(uniqueKeysWithValues: partitions.map { (TopicPartition(topic, $0), .beginning) }))
          isAssigned = true
        }
        let records = try await reader.next(
          maxRecords: 512, maxWait: .milliseconds(gates[0].isOpen ? 500 : 100))
        if !records.isEmpty, await !index.apply(records) { throw Self.madeAgain(topic) }
        if ContinuousClock.now >= nextCheck {
          nextCheck = .now + .milliseconds(gates[0].isOpen ? 1000 : 50)
          try await check(reader, watch)
        }
        if ContinuousClock.now >= nextForgetting {
          nextForgetting = .now + .seconds(5)
          try await forgetReported(admin)
        }
      } catch let error as KafkaFailure where error.kind != .fatal {
        context.logger.info("Replay waits for the broker", [(.error, "\(error)")])
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private static func madeAgain(_ topic: String) -> StageFatal {
    StageFatal("\(topic) was deleted and made again: the index of its records begins anew")
  }

  private func check(_ reader: ReplayReader, _ watch: Stopwatch) async throws {
    let topic = context.topic(.vectors)
    let ends = try await reader.ends()
    let positions = try await reader.currentPositions()
    // Nothing was polled since the ends were asked for.
    if positions.contains(where: { $0.value > ends[$0.key] ?? .max }) { throw Self.madeAgain(topic) }
    func byNumber(_ map: [TopicPartition: Int64]) -> [Int32: Int64] {
      Dictionary(map.map { ($0.key.partition, $0.value) }, uniquingKeysWith: max)
    }
    await index.advance(positions: byNumber(positions), ends: byNumber(ends))
    let unread = await index.unreadReason
    let former = blocked.withLock { blocked in
      defer { blocked = unread }
      return blocked
    }
    if former != unread {
      if let unread { context.health.block(unread) }
      if let former { context.health.unblock(former) }
    }
    // Outside of the group, so that a worker that can read the records is given their partitions.
    let reports = await !index.holdsUnread
    if gates[0].isOpen, gates[1].isOpen != reports { gates[1].set(open: reports) }
    if await index.isCaughtUp, !gates[0].isOpen {
      context.logger.info(
        "Index caught up", [(.durationMilliseconds, "\(Int(watch.milliseconds))")])
      gates[0].set(open: true)
      gates[1].set(open: reports)
      context.health.unblock("replay")
    }
  }
}
