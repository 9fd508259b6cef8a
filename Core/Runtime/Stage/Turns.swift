import Synchronization

/// One piece of work of a key at a time: the next one waits for its turn.
package final class Turns<Key: Hashable & Sendable>: Sendable {
  /// Keys in work, each with who waits for it.
  private let taken = Mutex<[Key: [AsyncStream<Void>.Continuation]]>([:])

  package init() {}

  /// Returns when nobody works on the key; `release` ends the turn.
  ///
  /// - Throws: `CancellationError`, without a turn.
  package func take(_ key: Key) async throws {
    while true {
      try Task.checkCancellation()
      let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
      let isTaken = taken.withLock { taken in
        guard taken[key] != nil else {
          taken[key] = []
          return false
        }
        taken[key]?.append(continuation)
        return true
      }
      if !isTaken { return }
      for await _ in ended {}
    }
  }

  package func release(_ key: Key) {
    for waiter in taken.withLock({ $0.removeValue(forKey: key) ?? [] }) { waiter.finish() }
  }
}
