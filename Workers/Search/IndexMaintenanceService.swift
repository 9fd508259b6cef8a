import Engine
import Services
import Stage
import Synchronization
import Time

/// Stores the index when it is due, and merges its segments.
final class IndexMaintenanceService: Service {
  let name = "index-maintenance"
  private let context: StageContext
  private let index: SearchIndex
  private let requests: CompactionRequest?
  private let isStopping = Mutex(false)

  init(_ context: StageContext, index: SearchIndex, requests: CompactionRequest?) {
    self.context = context
    self.index = index
    self.requests = requests
  }

  func shutdown() async {
    isStopping.withLock { $0 = true }
    index.stop()
  }

  /// - Throws: `StageFatal` when a file of the index can't be read; `CancellationError`.
  func run() async throws {
    let index = index
    context.health.setReport { index.statusText }
    async let merging: Void = merge()
    try await store()
    try await merging
    // Records that are not stored now must be read again at the next start.
    _ = await index.store(every: context.settings.search.checkpointInterval, isLast: true)
  }

  /// - Throws: as `run`.
  private func store() async throws {
    var blocked: String?
    var nextTry = ContinuousClock.now
    while !isStopping.withLock({ $0 }) {
      if ContinuousClock.now >= nextTry {
        let fault = await index.store(every: context.settings.search.checkpointInterval)
        if await index.isBroken {
          index.stop()
          throw StageFatal("a file of the index can't be read")
        }
        if fault != blocked {
          if let fault { context.health.block(fault) }
          if let blocked { context.health.unblock(blocked) }
          blocked = fault
        }
        // After a failure, for example of a full disk, wait before the next try.
        nextTry = .now + (fault == nil ? .zero : .seconds(2))
      }
      if await index.isHeadFull, blocked == nil { continue }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  /// - Throws: `CancellationError`.
  private func merge() async throws {
    while !isStopping.withLock({ $0 }) {
      await index.mergeDue()
      if requests?.isWaiting == true { requests?.finish(await index.compact()) }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}
