import Records
import Synchronization

/// Joins the candidates of each round. One record of a round finishes it for all of them.
///
/// The other records of the round return only after that. A record that returned earlier could be committed
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
    fileprivate var isTaken = false
    /// Tells this round from an earlier one of the same query that was dropped.
    fileprivate var number = 0
    /// Finished when the round is complete.
    fileprivate var gatherers: [AsyncStream<Void>.Continuation] = []
    /// Finished when the record that took the round has finished it or failed.
    fileprivate var followers: [AsyncStream<Void>.Continuation] = []
  }

  private struct Key: Hashable {
    var query: QueryKey
    var round: UInt32
  }

  /// Thrown by `finish` when another process must finish the round. The round is dropped here, and a record
  /// that waits for it starts it again.
  package struct Left: Error {
    package init() {}
  }

  private struct State {
    var open: [Key: Round] = [:]
    var openedCount = 0
    /// Finished rounds, each with the time in milliseconds since 1970 until which it is remembered.
    /// Candidates that arrive after the round is finished, for example because a crash repeated the search,
    /// are dropped.
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
  ///   - limit: how long to wait for missing shards; after that `finish` is called without them.
  ///   - mayCome: false if missing shards can't arrive any more; then there is no wait.
  ///   - finish: called by one record of the round at a time; when it returns, the output is acknowledged.
  /// - Throws: the error of `finish`, to the record that called it. The round stays open, unless the error is
  ///   `Left`: the next record, or this one when it is tried again, finishes it. `CancellationError`: nothing
  ///   was finished.
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
        // A process that stops must not finish a round without shards that would still have arrived.
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

  /// Drops an open round whose query has reached its terminal state in another way.
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
