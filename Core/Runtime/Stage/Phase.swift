import KafkaClient
import Records

/// Records that are produced together and acknowledged before the next phase begins.
package enum Phase: Sendable {
  case records([OutgoingRecord])
  /// Made when the producer has room, right before they are sent: an answer asks there whether its documents are still
  /// fresh. Made again when sending fails or came too late.
  case made(@Sendable () async throws -> Made)

  /// What a phase has made.
  package struct Made: Sendable {
    package var records: [OutgoingRecord]
    /// Milliseconds since 1970, by the broker's clock: a record that is appended later is void for its readers, and is
    /// made anew. Nil: any time will do.
    package var validUntil: Int64?
    /// Called when the records are acknowledged.
    package var acknowledged: @Sendable () -> Void

    package init(
      _ records: [OutgoingRecord], validUntil: Int64? = nil, acknowledged: @escaping @Sendable () -> Void = {}
    ) {
      self.records = records
      self.validUntil = validUntil
      self.acknowledged = acknowledged
    }
  }
}
