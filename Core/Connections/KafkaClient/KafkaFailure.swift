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
    /// The broker accepts no such record: a compacted topic and no key, for example.
    case invalidRecord, invalidTimestamp
    /// The right to do this is missing, or a policy of the cluster is against it.
    case forbidden
    case topicMissing
    /// The client knows no such partition. Of a topic that was just made, it may not have heard of all yet.
    case partitionMissing
    /// The group's coordinator is unknown, is moving or is loading.
    case coordinatorMissing
    /// A commit from outside of the group, or of a member that the group no longer knows.
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

  /// True when a person must mend the cluster's settings: rights, policies, a missing topic. No record is at fault.
  package var isForbidden: Bool { code == .forbidden || code == .topicMissing }

  package var description: String {
    "\(call.rawValue): \(name)\(detail.isEmpty ? "" : ": " + detail)"
  }
}
