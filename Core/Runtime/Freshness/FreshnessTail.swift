import Foundation
import KafkaClient
import Records
import Services
import Synchronization
import Telemetry
import Time

/// Keeps a `FreshnessTable` up to date, and knows when the table was last confirmed to be complete.
package final class FreshnessTail: Service {
  package let name = "freshness"
  package let table = FreshnessTable()
  private let kafka: KafkaConfiguration
  private let topic: String
  private let partitionCount: Int32
  private let window: Duration
  private let staleAfter: Duration
  private let metrics: MetricsRegistry
  private let logger = Logger(label: "freshness")
  private let confirmedAt = Mutex<ContinuousClock.Instant?>(nil)
  private let isStopping = Mutex(false)
  private let onCaughtUp: @Sendable () -> Void

  /// - Parameters:
  ///   - window: how far back events matter: longest deadline + cache TTL + bound on index lag.
  ///   - staleAfter: without a confirmation of the end for this long, `isConfirmed` is false.
  ///   - onCaughtUp: called once, when the tail has first reached the end of the topic.
  package init(
    kafka: KafkaConfiguration, topic: String, partitionCount: Int32, window: Duration, staleAfter: Duration,
    metrics: MetricsRegistry, onCaughtUp: @escaping @Sendable () -> Void
  ) {
    self.kafka = kafka
    self.topic = topic
    self.partitionCount = partitionCount
    self.window = window
    self.staleAfter = staleAfter
    self.metrics = metrics
    self.onCaughtUp = onCaughtUp
  }

  /// Whether every event that was appended more than `staleAfter` ago has been applied.
  package var isConfirmed: Bool {
    confirmedAt.withLock { $0.map { ContinuousClock.now - $0 <= staleAfter } ?? false }
  }

  /// Waits until `isConfirmed`. Called just before documents are checked: a process that was suspended, or whose broker
  /// was unreachable, must not decide by what it knew before.
  ///
  /// - Throws: `CancellationError`.
  package func waitUntilConfirmed() async throws {
    while !isConfirmed { try await Task.sleep(for: .milliseconds(5)) }
  }

  package func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: `KafkaFailure` of kind `.fatal`; `CancellationError`.
  package func run() async throws {
    try await withReader(kafka) { reader in try await follow(reader) }
  }

  private func follow(_ reader: ReplayReader) async throws {
    var since = Int64(Date().timeIntervalSince1970 * 1000) - window.milliseconds
    var isAssigned = false
    var question: (asked: ContinuousClock.Instant, ends: [TopicPartition: Int64])?
    var nextCheck = ContinuousClock.now
    var told = ""
    while !isStopping.withLock({ $0 }) {
      do throws(KafkaFailure) {
        if !isAssigned {
          try await reader.assign(
            Dictionary(
              uniqueKeysWithValues: (0..<partitionCount).map {
                (TopicPartition(topic, $0), ReplayReader.Start.time(milliseconds: since))
              }))
          isAssigned = true
        }
        for record in try await reader.next(maxRecords: 1000, maxWait: staleAfter / 5) { apply(record) }
        // The end is requested before the position is read, so that everything appended before the request counts.
        // Under load the end is reached a little after the request, never at once. Drop a check that is
        // too old, also one whose end offsets are never reached, for example because the topic was recreated.
        if let open = question, ContinuousClock.now - open.asked > staleAfter { question = nil }
        if question == nil, ContinuousClock.now >= nextCheck {
          // Twice within the limit, so that one late check makes nobody wait.
          let asked = ContinuousClock.now
          nextCheck = asked + staleAfter * 2 / 5
          question = (asked, try await reader.ends())
          forget(&since)
        }
        if let open = question {
          let positions = try await reader.currentPositions()
          if positions.allSatisfy({ $0.value >= open.ends[$0.key] ?? 0 }) {
            confirm(open.asked)
            question = nil
            told = ""
          }
          let age = confirmedAt.withLock { $0.map { (ContinuousClock.now - $0).seconds } ?? 0 }
          metrics.set(.freshnessLag, to: age)
        }
      } catch {
        if error.kind == .fatal { throw error }
        // The broker is unreachable: the last confirmation grows old, and the stage waits for a new one by itself.
        if told != error.name {
          logger.warning("Reading document states failed, freshness is not confirmed", [(.error, "\(error)")])
        }
        told = error.name
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private func apply(_ record: ConsumerRecord) {
    guard let value = record.value else { return }
    do {
      table.apply(try StatusRecord(value: value), atMilliseconds: record.timestampMilliseconds)
    } catch {
      metrics.increment(.deadLetters, [("stage", "freshness"), ("reason", error.code.rawValue)])
    }
  }

  private func confirm(_ asked: ContinuousClock.Instant) {
    let wasFirst = confirmedAt.withLock { confirmed -> Bool in
      defer { confirmed = asked }
      return confirmed == nil
    }
    if wasFirst { onCaughtUp() }
  }

  /// Drops what is older than the window, once a minute.
  private func forget(_ since: inout Int64) {
    let horizon = Int64(Date().timeIntervalSince1970 * 1000) - window.milliseconds
    guard horizon - since > 60_000 else { return }
    since = horizon
    table.prune(before: horizon)
  }
}
