import Failures
import KafkaClient
import Records
import Time

/// Sends the phases of one record and waits until each is acknowledged.
struct Outbox {
  enum Result {
    case acknowledged
    /// The stage stops, and some records may not be acknowledged.
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

  /// - Parameter delayed: called after each attempt that failed or came too late.
  /// - Throws: Only fatal errors.
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
  /// - Returns: false when sending failed; some records may be delivered.
  /// - Throws: Only fatal errors.
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

  /// Sends a dead letter. If the broker refuses it for good, it is dropped: its record already has its terminal state.
  ///
  /// - Returns: false when the stage stops first.
  func send(letter: OutgoingRecord, orStopped isStopped: @Sendable () -> Bool) async throws -> Bool {
    switch try await send([.records([letter])], orStopped: isStopped) {
    case .acknowledged: return true
    case .stopped: return false
    case .refused(let failure):
      context.logger.error("The broker refuses a dead letter, dropping it", [(.error, "\(failure)")])
      return true
    }
  }

  private func send(
    _ phase: Phase, _ isStopped: @Sendable () -> Bool, _ delayed: @Sendable () -> Void
  ) async throws -> Result {
    var backoff = Backoff(first: .milliseconds(100), max: .seconds(5))
    var refusals = 0
    let reason = "group \(group): the broker forbids its outputs, or their topic is missing"
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
          "Answer appended too long after its check, trying again: do the clocks of worker and broker agree?",
          [
            (.topic, late.position.description),
            (.durationMilliseconds, "\(late.timestampMilliseconds - limit)"),
          ])
      } catch {
        if isStopped() { return .stopped }
        if let failure = error as? KafkaFailure {
          if failure.isRefusedRecord {
            // A broker refuses the whole batch that contains such a record. The other records of the batch succeed once
            // the refused record has been given up.
            refusals += 1
            if refusals > Self.refusalsMax { return .refused(failure) }
            spread = Double.random(in: 0.5...1.5)
          } else if failure.isForbidden {
            // A mistake in an access list must not send a whole backlog to the dead letters: it is retried.
            if !isBlocked { context.health.hold(reason) }
            isBlocked = true
          } else if failure.kind == .fatal {
            throw error
          }
        } else if isFatal(error) {
          throw error
        }
        delayed()
        context.logger.warning(
          "Making or sending outputs failed, trying again", [(.group, group), (.error, "\(error)")])
      }
      do { try await Task.sleep(for: backoff.next() * spread) } catch { return .stopped }
    }
  }
}
