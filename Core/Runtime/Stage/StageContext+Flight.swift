import KafkaClient
import Records
import Time

extension QueryInFlight {
  /// Time between the moment the former stage sent this and now, for the timings.
  package var waitMilliseconds: Double {
    sentAtMicroseconds > 0 ? max(0, Double(WallClock.microseconds - sentAtMicroseconds) / 1000) : 0
  }

  package var isExpired: Bool { WallClock.milliseconds >= deadlineAtMilliseconds }

  /// The flight as the next stage gets it.
  package func passedOn(stage: String, wait: Double, work: Stopwatch) -> QueryInFlight {
    var next = self
    next.timings.append(
      StageTiming(stage: stage, waitMilliseconds: wait, workMilliseconds: work.milliseconds))
    next.sentAtMicroseconds = WallClock.microseconds
    return next
  }
}

extension AnswerRecord {
  /// A terminal state with what the flight knows.
  package init(_ flight: QueryInFlight, status: Status) {
    self.init(id: flight.query.id.rawValue, tenant: flight.query.tenant.rawValue, status: status)
    timings = flight.timings
  }
}

extension StageContext {
  /// The record that sends a query to search once more.
  ///
  /// - Parameters:
  ///   - round: that ends with it.
  ///   - isStale: because a document changed under it.
  ///   - statistics: what all shards must weigh terms with.
  ///   - isCut: a part of the query's text is not searched for.
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
