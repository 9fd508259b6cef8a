import KafkaClient
import Records

/// What becomes of one record, decided by a stage's work and carried out by the runtime.
package struct Disposition: Sendable {
  package enum Outcome: Sendable {
    /// The phases are produced one after another, each acknowledged before the next begins. Then the record is
    /// finished.
    case done([Phase])
    /// Worked on again after a pause; nil: after a pause that grows with each attempt.
    case retry(after: Duration?, any Error)
    /// Can never succeed: gets its terminal state (`StageWork.rejection`) and a dead letter.
    case rejected(FieldError)
    /// In flight at the new owner of its partition, who knows more: neither finished nor tried again here, and worked
    /// on again if the partition returns.
    case left
    /// Not begun, for lack of time: worked on again at once.
    case notBegun
    /// Was settled before the others of its batch (`RecordInWork.settle`).
    case early
  }

  package var outcome: Outcome
  /// Further records of the stage's topic, in work too, that are finished in the same step: a crash redelivers all of
  /// them or none.
  package var together: [RecordPosition] = []
  /// Called when the record is finished or left: for what waits for it, and for caches.
  package var settled: (@Sendable (_ isFinished: Bool) async -> Void)?

  package init(
    _ outcome: Outcome, together: [RecordPosition] = [],
    settled: (@Sendable (_ isFinished: Bool) async -> Void)? = nil
  ) {
    self.outcome = outcome
    self.together = together
    self.settled = settled
  }

  /// The records of each phase, if they are made already.
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
