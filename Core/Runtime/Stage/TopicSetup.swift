import KafkaClient
import Pools
import Records
import Settings

/// Makes our topics and the first offsets of our groups; idempotent, never shrinks anything.
package struct TopicSetup: Sendable {
  private let settings: Settings
  private let admin: KafkaAdmin

  package init(settings: Settings, admin: KafkaAdmin) {
    self.settings = settings
    self.admin = admin
  }

  /// - Returns: the topics that were created.
  /// - Throws: `StageFatal` when an existing topic has another number of partitions than the settings say, or
  ///   when the new topics do not appear within 30 seconds; `KafkaFailure`; `CancellationError`.
  package func create() async throws -> [String] {
    let existing = try await admin.topics()
    try check(existing)
    let brokers = try await admin.brokerCount()
    let replicas =
      settings.kafka.replicationFactor > 0 ? settings.kafka.replicationFactor : (brokers >= 3 ? 3 : 1)
    let plans = settings.topics.filter { existing[settings.topic($0.topic)] == nil }.map { topic in
      var configuration = topic.settings
      if replicas >= 3 { configuration["min.insync.replicas"] = "2" }
      return TopicPlan(
        name: settings.topic(topic.topic), partitionCount: Int32(topic.partitionCount),
        replicationFactor: Int32(replicas), settings: configuration)
    }
    let created = plans.isEmpty ? [] : try await admin.create(plans)
    try await waitUntilKnown(plans.map(\.name))
    try await commitFirstOffsets()
    return created
  }

  /// Compares the partition counts of existing topics with the settings.
  ///
  /// - Throws: `StageFatal` when a count differs.
  package func check(_ existing: [String: Int32]) throws {
    for topic in settings.topics {
      let name = settings.topic(topic.topic)
      guard let count = existing[name], count != Int32(topic.partitionCount) else { continue }
      throw StageFatal(
        """
        topic \(name) has \(count) partitions and topics.\(topic.topic.rawValue).partitions is \
        \(topic.partitionCount): counts are fixed for a generation. Set the setting to \(count), or rebuild: new \
        topics under another kafka.topicPrefix, and the documents put again.
        """)
    }
  }

  private func waitUntilKnown(_ names: [String]) async throws {
    for _ in 0..<600 {
      let known = try await admin.topics()
      if names.allSatisfy({ known[$0] != nil }) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw StageFatal("the new topics did not appear within 30 seconds: \(names.joined(separator: ", "))")
  }

  /// Without a commit a group's lag is unknown to whoever scales it.
  private func commitFirstOffsets() async throws {
    for group in ConsumerGroup.all(of: settings.search.layout) {
      let partitions = settings.partitions(of: group)
      let committed = try await admin.committed(group: group.name, partitions)
      let missing = partitions.filter { committed[$0] == nil }
      if missing.isEmpty { continue }
      do {
        try await admin.commit(group: group.name, try await admin.beginnings(missing))
      } catch {
        // A group with members refuses a stranger's commit, and commits by itself. No answer is no refusal.
        if error.kind != .retriable || error.isTimeout { throw error }
      }
    }
  }
}
