import KafkaClient
import Records

/// Records that are produced together and acknowledged before the next phase begins.
package enum Phase: Sendable {
  case records([OutgoingRecord])
  /// The records are made when the producer has room, right before they are sent, so that an answer can check there
  /// whether its documents are still fresh. They are made again when sending fails or is too late.
  case made(@Sendable () async throws -> Made)

  /// The records that a phase has made.
  package struct Made: Sendable {
    package var records: [OutgoingRecord]
    /// Milliseconds since 1970, by the broker's clock. A record that is appended later is void for its readers, and is
    /// made again. Nil: there is no limit.
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
