import Records

/// The broker's acknowledgement of a record.
package struct Acknowledgement: Sendable, Equatable {
  package var position: RecordPosition
  /// When it was appended, in milliseconds since 1970 by the broker's clock; 0 where the topic does not use it.
  package var timestampMilliseconds: Int64

  package init(position: RecordPosition, timestampMilliseconds: Int64) {
    self.position = position
    self.timestampMilliseconds = timestampMilliseconds
  }
}
