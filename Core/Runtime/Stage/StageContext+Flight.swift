import KafkaClient
import Records
import Time

extension QueryInFlight {
  /// The time since the previous stage sent this, for the timings; 0 if that time is unknown.
  package var waitMilliseconds: Double {
    sentAtMicroseconds > 0 ? max(0, Double(WallClock.microseconds - sentAtMicroseconds) / 1000) : 0
  }

  package var isExpired: Bool { WallClock.milliseconds >= deadlineAtMilliseconds }

  /// The flight as the next stage gets it: with this stage's timing, and sent now.
  package func passedOn(stage: String, wait: Double, work: Stopwatch) -> QueryInFlight {
    var next = self
    next.timings.append(
      StageTiming(stage: stage, waitMilliseconds: wait, workMilliseconds: work.milliseconds))
    next.sentAtMicroseconds = WallClock.microseconds
    return next
  }
}

extension AnswerRecord {
  /// Makes an answer with this terminal state, and with the query's ID, tenant and timings.
  package init(_ flight: QueryInFlight, status: Status) {
    self.init(id: flight.query.id.rawValue, tenant: flight.query.tenant.rawValue, status: status)
    timings = flight.timings
  }
}

extension StageContext {
  /// The record that sends a query to search once more.
  ///
  /// - Parameters:
  ///   - round: the round that this record ends; the search is for the next one.
  ///   - isStale: true when a document has changed meanwhile, false when the shards need common term statistics.
  ///   - statistics: the term statistics with which all shards must weigh terms.
  ///   - isCut: whether a part of the query's text is not searched for.
  package func searchAgain(
    _ flight: QueryInFlight, round: UInt32, isStale: Bool = true, statistics: SharedStatistics? = nil,
    isCut: Bool, model: String, vector: [Float], headers: [RecordHeader]
  ) -> OutgoingRecord {
    if isStale { metrics.increment(.staleRounds) }
    if !isStale { metrics.increment(.statisticsRounds) }
    var search = SearchRecord(flight: flight)
    search.flight.sentAtMicroseconds = WallClock.microseconds
    search.round = round + 1
    search.statistics = statistics
    search.isCut = isCut
    search.model = model
    search.vector = vector
    return queryRecord(.searches, flight.key, search.wireBytes, headers: headers)
  }
}
