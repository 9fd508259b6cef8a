/// A query on its way through the stages: the public record, and what the stages add to it.
package struct QueryInFlight: Sendable, Equatable {
  /// The reason why later stages pass the query on without work. Retrieve then writes the terminal state.
  package enum Outcome: String, Sendable, CaseIterable { case expired, cancelled }

  package var query: QueryRecord
  /// The record's timestamp, by the broker's clock, plus `deadline_ms`, in milliseconds since 1970.
  package var deadlineAtMilliseconds: Int64 = 0
  /// The record's timestamp, by the broker's clock, in milliseconds since 1970.
  package var askedAtMilliseconds: Int64 = 0
  package var outcome: Outcome?
  package var timings: [StageTiming] = []
  /// The time at which the last stage produced this record, in microseconds since 1970.
  package var sentAtMicroseconds: Int64 = 0
  package var requestID = ""

  package init(query: QueryRecord) { self.query = query }

  package var key: QueryKey { query.key }
}
