import Failures

/// An error that librdkafka or a broker reported, and the call that failed.
package struct KafkaFailure: Failure {
  /// The call that failed, with its name in messages.
  package enum Call: String, Sendable {
    case assign, close, commit, committed, deliver, metadata, poll, position, produce, send, subscribe
    case configure = "rd_kafka_conf_set"
    case createTopics = "CreateTopics"
    case deleteTopics = "DeleteTopics"
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
    /// The group's coordinator is unknown, is moving or is loading.
    case coordinatorMissing
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

  /// True when the record or its batch is too large for the topic: it can never be sent.
  package var isRefusedRecord: Bool {
    (call == .deliver || call == .produce) && (code == .messageTooLarge || code == .recordListTooLarge)
  }

  /// True when no broker answered in time.
  package var isTimeout: Bool { code == .timedOut }

  package var description: String {
    "\(call.rawValue): \(name)\(detail.isEmpty ? "" : ": " + detail)"
  }
}
