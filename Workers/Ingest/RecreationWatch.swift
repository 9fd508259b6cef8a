import KafkaClient
import Services
import Stage
import Synchronization

/// Looks every 10 s whether `rag.documents` was deleted and made again under a running ingest.
final class RecreationWatch: Service {
  static let interval = Duration.seconds(10)

  let name = "recreation watch"
  private let known: KnownVersions
  private let isStopping = Mutex(false)

  init(_ known: KnownVersions) { self.known = known }

  func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: `StageFatal` when the topic was made again; `CancellationError`.
  func run() async throws {
    var next = ContinuousClock.now + Self.interval
    while !isStopping.withLock({ $0 }) {
      try await Task.sleep(for: .milliseconds(200))
      guard ContinuousClock.now >= next else { continue }
      next = .now + Self.interval
      // The broker is away, or the topic is being made: the next look will tell.
      do { try await known.check(known.partitions) } catch is KafkaFailure {}
    }
  }
}
