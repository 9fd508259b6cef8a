internal import CRdKafka
import Failures
import Records

/// Short names for some of librdkafka's codes.
enum Code {
  static let partitionEOF = RD_KAFKA_RESP_ERR__PARTITION_EOF
  static let timedOut = RD_KAFKA_RESP_ERR__TIMED_OUT
  static let queueFull = RD_KAFKA_RESP_ERR__QUEUE_FULL
  static let fatal = RD_KAFKA_RESP_ERR__FATAL
}

func failure(_ call: KafkaFailure.Call, _ code: rd_kafka_resp_err_t, _ detail: String = "") -> KafkaFailure {
  let name = unsafe String(cString: rd_kafka_err2name(code))
  let text = detail.isEmpty ? unsafe String(cString: rd_kafka_err2str(code)) : detail
  let kind: FailureKind =
    switch code {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR_INVALID_MSG,
      RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
      RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
      .rejected
    case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, RD_KAFKA_RESP_ERR__AUTHENTICATION,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      .fatal
    default: .retriable
    }
  return KafkaFailure(kind: kind, code: known(code), name: name, call: call, detail: text)
}

private func known(_ code: rd_kafka_resp_err_t) -> KafkaFailure.Code {
  switch code {
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: .messageTooLarge
  case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: .recordListTooLarge
  case RD_KAFKA_RESP_ERR_INVALID_RECORD: .invalidRecord
  case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP: .invalidTimestamp
  case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    .forbidden
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC: .topicMissing
  case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: .partitionMissing
  case RD_KAFKA_RESP_ERR__QUEUE_FULL: .queueFull
  case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: .timedOut
  case RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    .coordinatorMissing
  case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
    RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    .groupHasMembers
  case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: .leaderMissing
  default: .other(code.rawValue)
  }
}

/// Checks the code that a call returned.
///
/// - Throws: `KafkaFailure` for any code but `NO_ERROR`.
func check(_ call: KafkaFailure.Call, _ code: rd_kafka_resp_err_t) throws(KafkaFailure) {
  guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw failure(call, code) }
}
