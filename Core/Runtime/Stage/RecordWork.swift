/// The work of a stage that looks at one record at a time.
package protocol RecordWork: StageWork {
  /// Does the work on one record.
  ///
  /// - Throws: As `StageWork.work(on:until:)`.
  func decide(_ item: RecordInWork) async throws -> Disposition
}

extension RecordWork {
  /// - Throws: The error of `decide`.
  package func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws
    -> [Disposition]
  {
    var dispositions: [Disposition] = []
    for record in records { dispositions.append(try await decide(record)) }
    return dispositions
  }
}
