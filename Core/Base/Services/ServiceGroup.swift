import Foundation
import Time

/// Starts services in list order and stops them in reverse, each awaited.
///
/// The grace period begins with the first shutdown. Its first part, the drain, is for work in flight. Then all
/// services that still run are shut down and their tasks are cancelled. If a service still runs at the end of
/// the grace period, `onStuck` is called. It runs on a separate thread, so that a blocked thread pool of Swift's
/// can't delay it.
package struct ServiceGroup: Sendable {
  private let services: [any Service]
  private let graceDeadline: Duration
  private let drain: Duration
  private let onCancel: @Sendable ([String]) -> Void
  private let onStuck: @Sendable ([String]) -> Void

  /// - Parameters:
  ///   - graceDeadline: for all services together, from the first shutdown call.
  ///   - drain: the time for work in flight. Usually three quarters of the grace period.
  ///   - onCancel: receives the names of the services that are cancelled because their time for draining is
  ///     over.
  ///   - onStuck: receives the names of the services that did not end in time. It must end the process.
  package init(
    _ services: [any Service], graceDeadline: Duration = .seconds(25), drain: Duration? = nil,
    onCancel: @escaping @Sendable ([String]) -> Void = { _ in },
    onStuck: @escaping @Sendable ([String]) -> Void
  ) {
    self.services = services
    self.graceDeadline = graceDeadline
    self.drain = drain ?? graceDeadline * 3 / 4
    self.onCancel = onCancel
    self.onStuck = onStuck
  }

  /// Runs until `stop` yields, a service ends by itself, or one throws.
  ///
  /// - Throws: the first error of a service. A `CancellationError` does not count after the tasks were
  ///   cancelled.
  package func run(until stop: AsyncStream<Void>) async throws {
    let running = RunningServices(services.map(\.name))
    defer { running.end() }
    try await withThrowingTaskGroup(of: GroupEvent.self) { group in
      for (index, service) in services.enumerated() {
        group.addTask {
          do {
            try await service.run()
            return .finished(index, nil)
          } catch {
            return .finished(index, error)
          }
        }
      }
      group.addTask {
        for await _ in stop { break }
        return .stopRequested
      }
      var failure: (any Error)?
      var isCancelled = false
      func note(_ index: Int, _ error: (any Error)?) {
        running.remove(index)
        if isCancelled, error is CancellationError { return }
        failure = failure ?? error
      }
      if let first = try await group.next(), case .finished(let index, let error) = first {
        note(index, error)
      }
      running.watch(for: graceDeadline, onStuck)
      group.addTask {
        do { try await Task.sleep(for: self.drain) } catch { return .ended }
        return .drainIsOver
      }
      for index in services.indices.reversed() where running.contains(index) {
        await services[index].shutdown()
        while running.contains(index), let event = try await group.next() {
          switch event {
          case .finished(let ended, let error): note(ended, error)
          case .drainIsOver:
            isCancelled = true
            onCancel(running.names)
            // Ask all to stop now: stopping them one after another could take more time than is left.
            for index in services.indices where running.contains(index) { await services[index].shutdown() }
            group.cancelAll()
          case .stopRequested, .ended: break
          }
        }
      }
      group.cancelAll()
      if let failure { throw failure }
    }
  }
}

private enum GroupEvent: Sendable {
  case finished(Int, (any Error)?)
  case stopRequested
  case drainIsOver
  case ended
}

/// The services that have not ended, and the thread that watches the grace period.
private final class RunningServices {
  private let condition = NSCondition()
  private let all: [String]
  private var indices: Set<Int>
  private var isEnded = false

  init(_ names: [String]) {
    all = names
    indices = Set(names.indices)
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }

  func contains(_ index: Int) -> Bool { locked { indices.contains(index) } }
  func remove(_ index: Int) { locked { _ = indices.remove(index) } }
  var names: [String] { locked { indices.sorted().map { all[$0] } } }

  func end() {
    locked {
      isEnded = true
      condition.broadcast()
    }
  }

  func watch(for grace: Duration, _ onStuck: @escaping @Sendable ([String]) -> Void) {
    let limit = Date(timeIntervalSinceNow: grace.seconds)
    let thread = Thread {
      let isStuck = self.locked {
        while !self.isEnded, Date() < limit { _ = self.condition.wait(until: limit) }
        return !self.isEnded
      }
      if isStuck { onStuck(self.names) }
    }
    thread.name = "grace"
    thread.start()
  }
}

// Every access to the stored state is made with `condition` locked.
extension RunningServices: @unchecked Sendable {}
