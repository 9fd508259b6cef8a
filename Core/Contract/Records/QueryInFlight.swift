/// A query on its way: the public record with what the stages add.
package struct QueryInFlight: Sendable, Equatable {
  /// Why a query must be passed on without work; retrieve or generate writes the state.
  package enum Outcome: String, Sendable, CaseIterable { case expired, cancelled }

  package var query: QueryRecord
  /// By the broker's clock: the record's timestamp plus `deadline_ms`.
  package var deadlineAtMilliseconds: Int64 = 0
  package var outcome: Outcome?
  package var timings: [StageTiming] = []
  /// Microseconds since 1970 when the stage that wrote this record produced it.
  package var sentAtMicroseconds: Int64 = 0
  package var requestID = ""

  package init(query: QueryRecord) { self.query = query }

  package var key: QueryKey { query.key }
}
