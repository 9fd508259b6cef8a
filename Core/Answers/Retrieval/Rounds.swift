import Records
import Synchronization

/// Joins the candidates of each round. One of the round's records finishes the round for all of them.
///
/// The calls for the other records return only after that. If one returned earlier, its record could be committed
/// before the round's output is acknowledged, and a crash would then lose that record.
package final class Rounds: Sendable {
  /// The candidates of one query in one round, as far as they have arrived.
  package struct Round: Sendable {
    package fileprivate(set) var gathering = Gathering()
    /// The positions of the records that are finished together.
    package fileprivate(set) var positions: [RecordPosition] = []
    /// How long the round's first record waited in its topic, in milliseconds, and its headers to pass on.
    package let wait: Double
    package let headers: [RecordHeader]
    fileprivate let key: Key
    fileprivate var isTaken = false
    /// Tells this round from an earlier one of the same query that was dropped.
    fileprivate var number = 0
    /// Finished when the round is complete.
    fileprivate var gatherers: [AsyncStream<Void>.Continuation] = []
    /// Finished when the record that took the round has finished or dropped it.
    fileprivate var followers: [AsyncStream<Void>.Continuation] = []
    /// Tells the followers whether the round was finished or dropped.
    fileprivate let outcome = Outcome()
  }

  fileprivate final class Outcome: Sendable { let isFinished = Mutex(false) }

  fileprivate struct Key: Hashable {
    var query: QueryKey
    var round: UInt32
  }

  private struct State {
    var open: [Key: Round] = [:]
    var openedCount = 0
  }

  private enum Place {
    case finished
    case following(AsyncStream<Void>, Outcome)
    case gathering(AsyncStream<Void>, Outcome, number: Int, isComplete: Bool)
  }

  private let state = Mutex(State())

  package init() {}

  /// Adds one shard's candidates and waits for the others.
  ///
  /// - Parameters:
  ///   - limit: how long to wait for missing shards.
  ///   - mayCome: false if missing shards can't arrive any more; then there is no wait.
  /// - Returns: the round, for one of its records, whose caller must call `settle`; nil for the others, once the round
  ///   is finished.
  /// - Throws: `CancellationError`.
  package func gather(
    _ candidates: CandidatesRecord, at position: RecordPosition, wait: Double, headers: [RecordHeader],
    limit: Duration, mayCome: () -> Bool = { true }
  ) async throws -> Round? {
    let key = Key(query: candidates.flight.key, round: candidates.round)
    var joined: Outcome?
    while true {
      try Task.checkCancellation()
      switch join(candidates, position, Round(wait: wait, headers: headers, key: key), after: joined) {
      case .finished: return nil
      case .following(let settled, let outcome):
        for await _ in settled {}
        joined = outcome
      case .gathering(let stream, let outcome, let number, let isComplete):
        joined = outcome
        if !isComplete, mayCome() { await Self.wait(for: stream, atMost: limit) }
        // A process that stops must not finish a round without candidates that would still have arrived.
        try Task.checkCancellation()
        if let round = take(key, number) { return round }
      }
    }
  }

  /// Ends a round that `gather` returned.
  ///
  /// - Parameter isFinished: true when its output is acknowledged. Otherwise the round is dropped, and each record that
  ///   waits for it joins a new one.
  package func settle(_ round: Round, isFinished: Bool) {
    round.outcome.isFinished.withLock { $0 = isFinished }
    let waiting = state.withLock { state -> [AsyncStream<Void>.Continuation] in
      guard let open = state.open[round.key], open.number == round.number else { return [] }
      state.open[round.key] = nil
      return open.followers + open.gatherers
    }
    for waiter in waiting { waiter.finish() }
  }

  /// - Parameter joined: the outcome of the round that the record joined before. A finished round must not begin again.
  private func join(
    _ candidates: CandidatesRecord, _ position: RecordPosition, _ new: Round, after joined: Outcome?
  ) -> Place {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    return state.withLock { state in
      if let joined, joined.isFinished.withLock({ $0 }) { return .finished }
      var round = state.open[new.key] ?? new
      if state.open[new.key] == nil {
        state.openedCount += 1
        round.number = state.openedCount
      }
      defer { state.open[new.key] = round }
      if round.isTaken {
        round.followers.append(continuation)
        return .following(stream, round.outcome)
      }
      round.gathering.add(candidates)
      if !round.positions.contains(position) { round.positions.append(position) }
      let isComplete = round.gathering.isComplete
      if isComplete {
        for gatherer in round.gatherers { gatherer.finish() }
        round.gatherers = []
      } else {
        round.gatherers.append(continuation)
      }
      return .gathering(stream, round.outcome, number: round.number, isComplete: isComplete)
    }
  }

  private static func wait(for stream: AsyncStream<Void>, atMost limit: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in stream { break } }
      group.addTask { do { try await Task.sleep(for: limit) } catch { return } }
      await group.next()
      group.cancelAll()
    }
  }

  private func take(_ key: Key, _ number: Int) -> Round? {
    state.withLock { state in
      guard let round = state.open[key], round.number == number, !round.isTaken else { return nil }
      state.open[key]?.isTaken = true
      return round
    }
  }
}
