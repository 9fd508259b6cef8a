import KafkaClient
import Services
import Stage
import Synchronization

/// Checks every 10 s whether `rag.documents` was deleted and recreated while ingest runs.
final class RecreationWatch: Service {
  static let interval = Duration.seconds(10)

  let name = "recreation watch"
  private let known: KnownVersions
  private let isStopping = Mutex(false)

  init(_ known: KnownVersions) { self.known = known }

  func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: `StageFatal` when the topic was recreated; `CancellationError`.
  func run() async throws {
    var next = ContinuousClock.now + Self.interval
    while !isStopping.withLock({ $0 }) {
      try await Task.sleep(for: .milliseconds(200))
      guard ContinuousClock.now >= next else { continue }
      next = .now + Self.interval
      // The broker can't be reached, or the topic is just being created: the next check decides.
      do { try await known.check(known.partitions) } catch is KafkaFailure {}
    }
  }
}
