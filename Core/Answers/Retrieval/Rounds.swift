import Records
import Synchronization

/// The rounds whose candidates are being gathered. One record of a round finishes it for all; every other one returns
/// only after that, so that none counts as done, and is committed, before the round's output is acknowledged.
package final class Rounds: Sendable {
  package struct Round: Sendable {
    package fileprivate(set) var gathering = Gathering()
    /// Of the records that are finished together.
    package fileprivate(set) var positions: [RecordPosition] = []
    /// Of the record that came first: milliseconds in the topic, and what is passed on.
    package let wait: Double
    package let headers: [RecordHeader]
    fileprivate var isTaken = false
    /// Tells a round from one of the same query that was left before.
    fileprivate var number = 0
    /// Told when the round is complete.
    fileprivate var gatherers: [AsyncStream<Void>.Continuation] = []
    /// Told when whoever took the round has finished it, or could not.
    fileprivate var followers: [AsyncStream<Void>.Continuation] = []
  }

  private struct Key: Hashable {
    var query: QueryKey
    var round: UInt32
  }

  /// Thrown by `finish` where the round is for others to finish: it is dropped, and who waits for it begins it anew.
  package struct Left: Error {
    package init() {}
  }

  private struct State {
    var open: [Key: Round] = [:]
    var openedCount = 0
    /// Finished rounds until long after their deadline, milliseconds since 1970: candidates that come later, from a
    /// search that is repeated after a crash, are dropped.
    var finished: [Key: Int64] = [:]
  }

  private enum Place {
    case finished
    case following(AsyncStream<Void>)
    case gathering(AsyncStream<Void>, number: Int, isComplete: Bool)
  }

  private let state = Mutex(State())

  package init() {}

  /// Adds one shard's candidates, waits for the others, and returns when the round is finished.
  ///
  /// - Parameters:
  ///   - now: milliseconds since 1970.
  ///   - limit: how long to wait for missing shards; `finish` is called without them then.
  ///   - mayCome: whether missing shards may come at all: false ends the wait before it begins.
  ///   - finish: called by one record of the round at a time; when it returns, the output is acknowledged.
  /// - Throws: what `finish` throws, to the record that called it; the round stays open, and the next one to come, or this
  ///   one come again, finishes it. `CancellationError`, with nothing finished.
  package func gather(
    _ candidates: CandidatesRecord, at position: RecordPosition, wait: Double, headers: [RecordHeader],
    now: Int64, limit: Duration, mayCome: () -> Bool = { true }, finish: (Round) async throws -> Void
  ) async throws {
    let key = Key(query: candidates.flight.key, round: candidates.round)
    while true {
      try Task.checkCancellation()
      switch join(key, candidates, position, Round(wait: wait, headers: headers), now) {
      case .finished: return
      case .following(let settled): for await _ in settled {}
      case .gathering(let stream, let number, let isComplete):
        if !isComplete, mayCome() { await Self.wait(for: stream, atMost: limit) }
        // A process that stops must not answer for shards that are on their way.
        try Task.checkCancellation()
        guard let round = take(key, number) else { continue }
        do {
          try await finish(round)
        } catch {
          settle(key, finishedUntil: nil, isLeft: error is Left, now)
          throw error
        }
        settle(key, finishedUntil: candidates.flight.deadlineAtMilliseconds, now)
        return
      }
    }
  }

  private func join(
    _ key: Key, _ candidates: CandidatesRecord, _ position: RecordPosition, _ new: Round, _ now: Int64
  )
    -> Place
  {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    return state.withLock { state in
      guard state.finished[key, default: .min] <= now else { return .finished }
      var round = state.open[key] ?? new
      if state.open[key] == nil {
        state.openedCount += 1
        round.number = state.openedCount
      }
      defer { state.open[key] = round }
      if round.isTaken {
        round.followers.append(continuation)
        return .following(stream)
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
      return .gathering(stream, number: round.number, isComplete: isComplete)
    }
  }

  /// Drops a round that nobody will finish: its query has its end by another way.
  package func forget(_ candidates: CandidatesRecord) {
    let key = Key(query: candidates.flight.key, round: candidates.round)
    state.withLock { state in
      guard state.open[key]?.isTaken == false else { return }
      state.open[key] = nil
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

  private func settle(_ key: Key, finishedUntil deadline: Int64?, isLeft: Bool = false, _ now: Int64) {
    let waiting = state.withLock { state -> [AsyncStream<Void>.Continuation] in
      let waiting = (state.open[key]?.followers ?? []) + (state.open[key]?.gatherers ?? [])
      state.open[key]?.followers = []
      state.open[key]?.gatherers = []
      state.open[key]?.isTaken = false
      if isLeft { state.open[key] = nil }
      if let deadline {
        state.open[key] = nil
        state.finished[key] = max(deadline, now) + QueryRecord.deadlineMaxMilliseconds
        if state.finished.count % 1024 == 0 { state.finished = state.finished.filter { $0.value > now } }
      }
      return waiting
    }
    for waiter in waiting { waiter.finish() }
  }
}
