import Failures

/// An error that librdkafka or a broker reported, and the call that failed.
package struct KafkaFailure: Failure {
  /// The call that failed, with its name in messages.
  package enum Call: String, Sendable {
    case assign, close, commit, committed, deliver, metadata, poll, position, produce, seek, send, subscribe
    case alterConfigs = "AlterConfigs"
    case configure = "rd_kafka_conf_set"
    case createTopics = "CreateTopics"
    case deleteTopics = "DeleteTopics"
    case describeConfigs = "DescribeConfigs"
    case listGroups = "list_groups"
    case newConfiguration = "rd_kafka_conf_new"
    case newHandle = "rd_kafka_new"
    case offsetsForTimes = "offsets_for_times"
    case newTopic = "NewTopic_new"
    case pause = "pause_partitions"
    case readToEnd = "read to the end"
    case resume = "resume_partitions"
    case topicSetting = "NewTopic_set_config"
  }

  /// The codes that our code distinguishes. librdkafka has about 150.
  package enum Code: Sendable, Equatable {
    case messageTooLarge, queueFull, recordListTooLarge, timedOut
    /// The broker rejects the record, for example one without a key for a compacted topic.
    case invalidRecord, invalidTimestamp
    /// The client lacks the right to do this, or a policy of the cluster forbids it.
    case forbidden
    case topicMissing
    /// The client does not know the partition. It may not know all partitions of a topic that was just created.
    case partitionMissing
    /// The group's coordinator is unknown, is moving or is loading.
    case coordinatorMissing
    /// A commit was refused: it came from outside a group that has members, from a member that the group no longer
    /// knows, or during a rebalance.
    case groupHasMembers
    /// The partition has no leader, or another broker has become its leader.
    case leaderMissing
    case other(Int32)
  }

  package var kind: FailureKind
  package var code: Code
  /// librdkafka's name of the code, for messages.
  package var name: String
  package var call: Call
  package var detail: String

  /// True when the topic can never take the record or its batch: it is too large, or invalid.
  package var isRefusedRecord: Bool {
    (call == .deliver || call == .produce)
      && [.messageTooLarge, .recordListTooLarge, .invalidRecord, .invalidTimestamp].contains(code)
  }

  /// True when a person must fix the cluster's settings: rights, policies or a missing topic. The record is not at
  /// fault.
  package var isForbidden: Bool { code == .forbidden || code == .topicMissing }

  package var description: String {
    "\(call.rawValue): \(name)\(detail.isEmpty ? "" : ": " + detail)"
  }
}
