import KafkaClient
import Synchronization

/// A record that a stage works on, with what the work may need to know about it.
package final class RecordInWork: Sendable {
  package let record: ConsumerRecord
  /// True for the first record after the log restarted, because it was truncated or the topic was recreated.
  package let isAfterRestart: Bool
  /// How often work on it failed in this process.
  package let attempt: Int
  private let owned: @Sendable () -> Bool
  private let early: @Sendable (Disposition) -> Void
  private let cancelled = Mutex(false)
  private let settled = Mutex(false)
  var isSettled: Bool { settled.withLock { $0 } }

  init(
    _ record: ConsumerRecord, attempt: Int, isAfterRestart: Bool = false,
    isOwned: @escaping @Sendable () -> Bool,
    early: @escaping @Sendable (Disposition) -> Void = { _ in }
  ) {
    self.record = record
    self.isAfterRestart = isAfterRestart
    self.attempt = attempt
    owned = isOwned
    self.early = early
  }

  /// True while this member is polling and has owned the partition without a rebalance since the work began.
  package var isOwned: Bool { owned() }

  /// Settles the record before the others of its batch; the work then returns `.early` for it.
  package func settle(_ disposition: Disposition) -> Disposition {
    settled.withLock { $0 = true }
    early(disposition)
    return Disposition(.early)
  }

  /// Whether the work is no longer wanted. Long work checks this between its steps.
  package var isCancelled: Bool { cancelled.withLock { $0 } }
  package func cancel() { cancelled.withLock { $0 = true } }
}
