import Synchronization

/// Lets one task at a time work on a key; the others wait for their turn.
package final class Turns<Key: Hashable & Sendable>: Sendable {
  /// The keys that are taken, each with the tasks that wait for it.
  private let taken = Mutex<[Key: [AsyncStream<Void>.Continuation]]>([:])

  package init() {}

  /// Waits until no other task has the key, and takes it. `release` must follow.
  ///
  /// - Throws: `CancellationError`; then the key is not taken.
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
