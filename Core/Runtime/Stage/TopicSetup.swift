import KafkaClient
import Pools
import Records
import Settings
import Time

/// Creates our topics and commits the first offsets of our groups. Idempotent; deletes no topic and lowers no setting.
package struct TopicSetup: Sendable {
  /// What `create` has done.
  package struct Outcome: Sendable {
    package var created: [String] = []
    /// Settings of existing topics that were changed, as `topic: setting from to`.
    package var altered: [String] = []
  }

  private let settings: Settings
  private let admin: KafkaAdmin

  package init(settings: Settings, admin: KafkaAdmin) {
    self.settings = settings
    self.admin = admin
  }

  /// - Throws: `StageFatal` when an existing topic has another number of partitions than the settings say, or
  ///   when the new topics do not appear within 30 seconds; `KafkaFailure`, also when a group's coordinator does not
  ///   answer within 60 seconds; `CancellationError`.
  package func create() async throws -> Outcome {
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
    var outcome = Outcome()
    outcome.altered = try await alter(existing)
    if !plans.isEmpty { outcome.created = try await admin.create(plans) }
    try await waitUntilKnown(plans.map(\.name))
    try await commitFirstOffsets()
    return outcome
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
        \(topic.partitionCount): the count of an existing topic can't change. Set the setting to \(count), \
        or rebuild: create topics under another kafka.topicPrefix and put the documents again.
        """)
    }
  }

  /// The settings of existing topics that break a promise.
  ///
  /// - Throws: `KafkaFailure`, also when the right to describe settings is missing (`isForbidden`).
  package func problems() async throws(KafkaFailure) -> [TopicCheck.Problem] {
    let existing = try await admin.topics()
    return try await problems(existing)
  }

  private func problems(_ existing: [String: Int32]) async throws(KafkaFailure) -> [TopicCheck.Problem] {
    let topics = settings.topics.filter { existing[settings.topic($0.topic)] != nil }
    let described = try await admin.settings(ofTopics: topics.map { settings.topic($0.topic) })
    return topics.flatMap { topic in
      let name = settings.topic(topic.topic)
      return TopicCheck.problems(name, topic, existing: described[name] ?? [:])
    }
  }

  /// The commits of our groups that contradict what the topics hold.
  ///
  /// - Throws: `KafkaFailure`.
  package func groupProblems() async throws(KafkaFailure) -> [GroupCheck.Problem] {
    var problems: [GroupCheck.Problem] = []
    for group in ConsumerGroup.all(of: settings.search.layout) {
      let partitions = settings.partitions(of: group)
      let committed = try await admin.committed(group: settings.group(group), partitions)
      problems += GroupCheck.problems(
        settings.group(group), committed: committed.mapValues(\.nextOffset),
        isCompacted: group.topic == .documents || group.topic == .vectors,
        beginnings: try await admin.beginnings(partitions), ends: try await admin.ends(partitions))
    }
    return problems
  }

  /// Corrects the settings of existing topics that break a promise. Topics are often created by a platform team.
  private func alter(_ existing: [String: Int32]) async throws -> [String] {
    let problems: [TopicCheck.Problem]
    do {
      problems = try await self.problems(existing)
    } catch {
      // Without the right to describe settings, nothing is changed. The workers and `doctor` report this.
      if error.isForbidden { return [] }
      throw error
    }
    let byTopic = Dictionary(grouping: problems, by: \.topic)
    let described = try await admin.settings(ofTopics: Array(byTopic.keys))
    // The request replaces all of a topic's own settings, so the correct ones are sent too.
    try await admin.setSettings(
      Dictionary(
        uniqueKeysWithValues: byTopic.map { topic, problems in
          var own = (described[topic] ?? [:]).filter(\.value.isOwn).mapValues(\.value)
          for problem in problems { own[problem.setting] = problem.needed }
          return (topic, own)
        }))
    return problems.map { "\($0.topic): \($0.setting) from \($0.value) to \($0.needed)" }
  }

  private func waitUntilKnown(_ names: [String]) async throws {
    for _ in 0..<600 {
      let known = try await admin.topics()
      if names.allSatisfy({ known[$0] != nil }) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw StageFatal("the new topics did not appear within 30 seconds: \(names.joined(separator: ", "))")
  }

  /// Commits first offsets for all groups: without a commit, an autoscaler can't compute a group's lag. In a cluster
  /// that has just started, it may take half a minute until the coordinators of all groups answer.
  private func commitFirstOffsets() async throws {
    let end = ContinuousClock.now + .seconds(60)
    for group in ConsumerGroup.all(of: settings.search.layout) {
      while true {
        do {
          try await commitFirstOffsets(of: group)
          break
        } catch let error as KafkaFailure {
          // A group with members refuses a commit from outside, and commits by itself.
          if error.code == .groupHasMembers { break }
          // A missing topic or partition is retried, too: it exists, but not every broker knows it yet.
          guard error.kind == .retriable || error.code == .partitionMissing, ContinuousClock.now < end else {
            throw error
          }
          try await Task.sleep(for: .milliseconds(200))
        }
      }
    }
  }

  private func commitFirstOffsets(of group: ConsumerGroup) async throws {
    let name = settings.group(group)
    let partitions = settings.partitions(of: group)
    let committed = try await admin.committed(group: name, partitions)
    let missing = partitions.filter { committed[$0] == nil }
    if !missing.isEmpty { try await admin.commit(group: name, try await firstOffsets(of: group, missing)) }
  }

  /// The first offsets of a group: the commits under its former name or of the previous layout's groups. Otherwise the
  /// beginning or, for `rag.searches`, the oldest search whose query may still be before its deadline.
  private func firstOffsets(of group: ConsumerGroup, _ partitions: [TopicPartition]) async throws
    -> [TopicPartition: CommittedOffset]
  {
    var offsets: [TopicPartition: CommittedOffset] = [:]
    // Earlier releases named each group "rag-…", whatever `kafka.topicPrefix` was. If such a group has commits, the new
    // group continues from them.
    let former = "rag-" + group.baseName
    if former != settings.group(group) { offsets = try await admin.committed(group: former, partitions) }
    if case .search = group.pool {
      let left = partitions.filter { offsets[$0] == nil }
      offsets.merge(try await lastLayout(of: group, left)) { first, _ in first }
      if group.topic == .searches {
        // From the beginning, live queries would wait until all expired ones are worked on.
        let left = partitions.filter { offsets[$0] == nil }
        let start = WallClock.milliseconds - QueryRecord.deadlineMaxMilliseconds
        offsets.merge(try await admin.offsets(left, at: start).mapValues { CommittedOffset(nextOffset: $0) })
        {
          first, _ in first
        }
      }
    }
    let left = partitions.filter { offsets[$0] == nil }
    offsets.merge(try await admin.beginnings(left).mapValues { CommittedOffset(nextOffset: $0) }) {
      first, _ in first
    }
    return offsets
  }

  /// The commits of the groups of the previous layout, which is the one whose groups have come furthest: for
  /// `rag.searches` the lowest of all shards, since each shard reads all partitions; for `rag.vectors` the commit of
  /// the partition's own shard.
  private func lastLayout(of group: ConsumerGroup, _ partitions: [TopicPartition]) async throws
    -> [TopicPartition: CommittedOffset]
  {
    let kind = group.baseName.prefix { $0 != "-" }
    let start = settings.kafka.groupPrefix + kind + "-"
    let counts = Set(
      try await admin.groups().compactMap { name -> Int? in
        guard name.hasPrefix(start) else { return nil }
        let parts = name.dropFirst(start.count).split(separator: "-")
        return parts.count == 2 ? Int(parts[0]) : nil
      })
    var best: [TopicPartition: CommittedOffset] = [:]
    var furthest: Int64 = -1
    for count in counts where count != settings.search.shards && (1...1000).contains(count) {
      let layout = ShardLayout(count: count)
      var found: [TopicPartition: CommittedOffset] = [:]
      for shard in 0..<count {
        let other =
          group.topic == .searches
          ? ConsumerGroup.search(shard: shard, of: layout) : ConsumerGroup.index(shard: shard, of: layout)
        let own = Set(other.partitions(of: settings.partitionCount(group.topic), layout))
        let mine = partitions.filter { own.contains($0.partition) }
        for (partition, offset) in try await admin.committed(group: settings.group(other), mine) {
          if let known = found[partition], known.nextOffset <= offset.nextOffset { continue }
          // Without metadata: what one shard has finished beyond its commit, another shard may not have.
          found[partition] =
            group.topic == .searches ? CommittedOffset(nextOffset: offset.nextOffset) : offset
        }
      }
      let total = found.values.reduce(0) { $0 &+ $1.nextOffset }
      if total > furthest { (best, furthest) = (found, total) }
    }
    return best
  }
}
