import Foundation

/// The closed set of keys that may appear beside a log message. Their values never hold users' text, keys
/// or vectors.
package enum LogKey: String, Sendable {
  case topic, partition, offset, requestID = "request_id", recordCount = "record_count", stage, reason, error
  case code, field, rule, group, member, port, path, pid, role, durationMilliseconds = "duration_ms", state
  case count, shard, epoch, instruction, precision, version, key, value, attempt, address
}
