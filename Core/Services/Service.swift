/// A part of a process that runs until it is told to stop.
package protocol Service: Sendable {
  /// For log lines.
  var name: String { get }
  /// Works until `shutdown()` is called, then finishes what is in flight and returns. A throw stops
  /// the group.
  func run() async throws
  /// Asks `run()` to finish; returns at once or when it is safe to stop the services started before.
  func shutdown() async
}

/// Starts services in list order and stops them in reverse, each awaited.
package struct ServiceGroup: Sendable {
  private let services: [any Service]
  private let graceDeadline: Duration

  /// - Parameter graceDeadline: for all services together, from the first shutdown call.
  package init(_ services: [any Service], graceDeadline: Duration = .seconds(25)) {
    self.services = services
    self.graceDeadline = graceDeadline
  }

  /// Runs until `stop` yields, a service ends by itself, or one throws.
  ///
  /// - Throws: the first service's error; `ServiceError.graceExceeded` when services did not stop in time.
  package func run(until stop: AsyncStream<Void>) async throws {
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
      var running = Set(services.indices)
      if let first = try await group.next(), case .finished(let index, let error) = first {
        running.remove(index)
        failure = error
      }
      group.addTask { [graceDeadline] in
        do { try await Task.sleep(for: graceDeadline) } catch { return .cancelled }
        return .graceExceeded
      }
      for index in services.indices.reversed() where running.contains(index) {
        await services[index].shutdown()
        while running.contains(index), let event = try await group.next() {
          switch event {
          case .finished(let ended, let error):
            running.remove(ended)
            failure = failure ?? error
          case .graceExceeded:
            group.cancelAll()
            throw ServiceError.graceExceeded(running.sorted().map { services[$0].name })
          case .stopRequested, .cancelled: break
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
  case graceExceeded
  case cancelled
}

/// What a group itself can report.
package enum ServiceError: Error, CustomStringConvertible {
  /// The named services were still running at the end of the grace period.
  case graceExceeded([String])

  package var description: String {
    switch self {
    case .graceExceeded(let names):
      "services still running at the end of the grace period: \(names.joined(separator: ", "))"
    }
  }
}
