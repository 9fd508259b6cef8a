import Synchronization

/// Bounds the calls in flight. Waiters are served in the order in which they came.
package final class CallLimit: Sendable {
  private struct State {
    var limit: Int
    var inFlight = 0
    var waiters: [(id: Int, continuation: AsyncStream<Void>.Continuation)] = []
    var nextID = 0
  }
  private let state: Mutex<State>

  package init(_ limit: Int) { state = Mutex(State(limit: max(1, limit))) }

  /// Changes the limit; calls in flight continue.
  package func set(_ limit: Int) {
    let woken = state.withLock { state in
      state.limit = max(1, limit)
      return Self.next(&state)
    }
    for waiter in woken { waiter.finish() }
  }

  package var inFlight: Int { state.withLock(\.inFlight) }

  /// Waits for a free slot and takes it.
  ///
  /// - Returns: false when no slot was free by the deadline.
  /// - Throws: `CancellationError`; then no slot is taken.
  package func take(until deadline: ContinuousClock.Instant) async throws -> Bool {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    let id = state.withLock { state -> Int? in
      if state.inFlight < state.limit, state.waiters.isEmpty {
        state.inFlight += 1
        return nil
      }
      state.nextID += 1
      state.waiters.append((state.nextID, continuation))
      return state.nextID
    }
    guard let id else { return true }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in stream {} }
      group.addTask { do { try await Task.sleep(until: deadline) } catch { return } }
      await group.next()
      group.cancelAll()
    }
    // A waiter that is no longer in the list was given a slot.
    let isWaiting = state.withLock { state -> Bool in
      guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return false }
      state.waiters.remove(at: index)
      return true
    }
    if Task.isCancelled {
      if !isWaiting { release() }
      throw CancellationError()
    }
    return !isWaiting
  }

  package func release() {
    let woken = state.withLock { state in
      state.inFlight -= 1
      return Self.next(&state)
    }
    for waiter in woken { waiter.finish() }
  }

  private static func next(_ state: inout State) -> [AsyncStream<Void>.Continuation] {
    var woken: [AsyncStream<Void>.Continuation] = []
    while state.inFlight < state.limit, !state.waiters.isEmpty {
      state.inFlight += 1
      woken.append(state.waiters.removeFirst().continuation)
    }
    return woken
  }
}
