import KafkaClient
import Records

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
