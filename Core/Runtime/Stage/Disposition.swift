import KafkaClient
import Records

/// What is to be done with one record after the work: decided by a stage's work, and carried out by the runtime.
package struct Disposition: Sendable {
  package enum Outcome: Sendable {
    /// The phases are produced one after another, and each is acknowledged before the next begins. Then the record is
    /// finished.
    case done([Phase])
    /// The record is worked on again after this pause; nil for a pause that grows with each attempt.
    case retry(after: Duration?, any Error)
    /// The record can never succeed: it gets its terminal state (`StageWork.rejection`) and a dead letter.
    case rejected(FieldError)
    /// The record is left to the new owner of its partition: it is neither finished nor tried again here, unless the
    /// partition has come back to this member.
    case left
    /// The record was not begun, for example because the batch's time was up: it waits again at once.
    case notBegun
    /// The record was settled before the others of its batch (`RecordInWork.settle`).
    case early
  }

  package var outcome: Outcome
  /// Other records of the partition that are in work and are finished in the same step: after a crash, either all of
  /// them are redelivered or none.
  package var together: [RecordPosition] = []
  /// Called with true when the record is finished, and with false when it is left or will be tried again. For work that
  /// waits for this record, and for caches.
  package var settled: (@Sendable (_ isFinished: Bool) async -> Void)?

  package init(
    _ outcome: Outcome, together: [RecordPosition] = [],
    settled: (@Sendable (_ isFinished: Bool) async -> Void)? = nil
  ) {
    self.outcome = outcome
    self.together = together
    self.settled = settled
  }

  /// The records of each phase; nil when a phase makes its records only at sending, or the outcome is not `.done`.
  var plainPhases: [[OutgoingRecord]]? {
    guard case .done(let phases) = outcome else { return nil }
    var result: [[OutgoingRecord]] = []
    for phase in phases {
      guard case .records(let records) = phase else { return nil }
      result.append(records)
    }
    return result
  }

  package static func done(_ records: [OutgoingRecord]) -> Disposition {
    Disposition(.done(records.isEmpty ? [] : [.records(records)]))
  }
}
