import KafkaClient
import Pools
import Records
import Services
import Settings
import Stage
import Synchronization
import Time

/// Holds ingest of the partitions whose oldest chunk has waited to be embedded for half of the retention of
/// `rag.chunks`: chunks older than the retention are lost. Their documents wait in `rag.documents`, which keeps
/// everything.
final class EmbedBacklogWatch: Service {
  private static let interval = Duration.seconds(30)

  let name = "embed backlog watch"
  private let context: StageContext
  private let held: HeldPartitions
  private let isStopping = Mutex(false)

  init(_ context: StageContext, _ held: HeldPartitions) {
    self.context = context
    self.held = held
  }

  func shutdown() async { isStopping.withLock { $0 = true } }

  /// - Throws: Only `CancellationError`.
  func run() async throws {
    var next = ContinuousClock.now
    while !isStopping.withLock({ $0 }) {
      if ContinuousClock.now >= next {
        next = .now + Self.interval
        do { try await look() } catch is KafkaFailure {
          // The broker can't be reached: the partitions that were found last stay held.
        }
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  private var ageMax: Duration? {
    let topic = context.settings.topics.first { $0.topic == .chunks }
    return topic?.settings["retention.ms"].flatMap { Int64($0) }.map { .milliseconds($0 / 2) }
  }

  /// - Throws: `KafkaFailure`; `CancellationError`.
  func look() async throws {
    guard let ageMax else { return }
    let topic = context.topic(.chunks)
    let partitions = (0..<context.settings.partitionCount(.chunks)).map { TopicPartition(topic, $0) }
    let (committed, ends) = try await withAdmin(context.kafka) { admin in
      (
        try await admin.committed(group: self.context.group(.embedDocuments), partitions),
        try await admin.ends(partitions)
      )
    }
    let late = partitions.filter { (committed[$0]?.nextOffset ?? 0) < ends[$0] ?? 0 }
    let now = WallClock.milliseconds
    var old: Set<Int32> = []
    for partition in late {
      let start = committed[partition]?.nextOffset ?? 0
      let first = try await withReader(context.kafka) { reader -> ConsumerRecord? in
        try await reader.assign([partition: .offset(start)])
        return try await reader.next(maxRecords: 1, maxWait: .seconds(1)).first
      }
      if let first, now - first.timestampMilliseconds > ageMax.milliseconds {
        old.insert(partition.partition)
      }
    }
    for partition in held.set(old).sorted() {
      context.logger.error(
        "Ingest of a partition is held: its chunks wait too long to be embedded, and could be lost",
        [(.partition, "\(partition)")])
    }
  }
}
