import Failures
import KafkaClient
import Records
import Time

/// Sends the phases of one record and waits until each is acknowledged.
struct Outbox {
  enum Result {
    case acknowledged
    /// The stage stops, and something may not be acknowledged.
    case stopped
    /// The broker refuses a record for good.
    case refused(KafkaFailure)
  }

  private static let refusalsMax = 3
  private let context: StageContext
  private let group: String

  init(_ context: StageContext, group: String) {
    self.context = context
    self.group = group
  }

  /// - Parameter delayed: called when a record was not acknowledged at the first attempt.
  /// - Throws: What is fatal.
  func send(
    _ phases: [Phase], orStopped isStopped: @Sendable () -> Bool, delayed: @Sendable () -> Void = {}
  ) async throws -> Result {
    for phase in phases {
      let result = try await send(phase, isStopped, delayed)
      guard case .acknowledged = result else { return result }
    }
    return .acknowledged
  }

  /// Sends the phases of several records together: all first ones, then all second ones.
  ///
  /// - Returns: false when that failed; some may be delivered.
  /// - Throws: What is fatal.
  func sendTogether(_ phases: [[[OutgoingRecord]]]) async throws -> Bool {
    do {
      for number in 0..<(phases.map(\.count).max() ?? 0) {
        try await context.producer.send(phases.flatMap { number < $0.count ? $0[number] : [] })
      }
      return true
    } catch {
      if isFatal(error), (error as? KafkaFailure)?.isForbidden != true { throw error }
      return false
    }
  }

  /// Sends a dead letter; one that is too large even there is left out, since its record has its state.
  ///
  /// - Returns: false when the stage stops first.
  func send(letter: OutgoingRecord, orStopped isStopped: @Sendable () -> Bool) async throws -> Bool {
    switch try await send([.records([letter])], orStopped: isStopped) {
    case .acknowledged: return true
    case .stopped: return false
    case .refused(let failure):
      context.logger.error("Dead letter is too large", [(.error, "\(failure)")])
      return true
    }
  }

  private func send(
    _ phase: Phase, _ isStopped: @Sendable () -> Bool, _ delayed: @Sendable () -> Void
  ) async throws -> Result {
    var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
    var refusals = 0
    let reason = "group \(group): its outputs are refused"
    var isBlocked = false
    defer { if isBlocked { context.health.release(reason) } }
    while true {
      var spread = 1.0
      do {
        let made: Phase.Made
        switch phase {
        case .records(let records): made = Phase.Made(records)
        case .made(let make):
          try await context.producer.waitForRoom()
          made = try await make()
        }
        let acknowledged = try await context.producer.send(made.records)
        guard let limit = made.validUntil,
          let late = acknowledged.first(where: { $0.timestampMilliseconds > limit })
        else {
          made.acknowledged()
          return .acknowledged
        }
        context.metrics.increment(.lateAnswers, [("stage", context.name)])
        delayed()
        if isStopped() { return .stopped }
        context.logger.error(
          "Appended too long after its check, made anew: do the clocks of worker and broker agree?",
          [
            (.topic, late.position.description),
            (.durationMilliseconds, "\(late.timestampMilliseconds - limit)"),
          ])
      } catch {
        if isStopped() { return .stopped }
        if let failure = error as? KafkaFailure {
          if failure.isRefusedRecord {
            // A broker refuses the whole batch in which a record travels, innocent neighbours too: those pass once the
            // guilty one has been given up.
            refusals += 1
            if refusals > Self.refusalsMax { return .refused(failure) }
            spread = Double.random(in: 0.5...1.5)
          } else if failure.isForbidden {
            // A mistake in an access list must not empty a backlog into the dead letters.
            if !isBlocked { context.health.hold(reason) }
            isBlocked = true
          } else if failure.kind == .fatal {
            throw error
          }
        } else if isFatal(error) {
          throw error
        }
        delayed()
        context.logger.warning("Sending failed, trying again", [(.group, group), (.error, "\(error)")])
      }
      do { try await Task.sleep(for: backoff.next() * spread) } catch { return .stopped }
    }
  }
}
