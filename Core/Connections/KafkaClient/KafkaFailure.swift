/// What librdkafka or the broker reported, with the call that met it.
package struct KafkaFailure: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// This record or request can never succeed.
    case rejected
    /// It may succeed later.
    case retriable
    /// The handle or the process must be replaced.
    case fatal
  }

  package var kind: Kind
  package var code: Int32
  package var name: String
  package var call: String
  package var detail: String

  /// A record that was to be sent can never be: it, or its batch, is too large for its topic.
  package var isRefusedRecord: Bool {
    (call == "deliver" || call == "produce")
      && (name == "MSG_SIZE_TOO_LARGE" || name == "RECORD_LIST_TOO_LARGE")
  }

  /// Nobody answered.
  package var isTimeout: Bool { name == "_TIMED_OUT" }

  package var description: String {
    "\(call): \(name)\(detail.isEmpty ? "" : ": " + detail)"
  }
}
