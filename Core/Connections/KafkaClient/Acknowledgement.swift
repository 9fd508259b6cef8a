import Records

/// The broker's acknowledgement of a record.
package struct Acknowledgement: Sendable, Equatable {
  package var position: RecordPosition
  /// When the record was appended, in milliseconds since 1970 by the broker's clock; 0 when the topic does not use
  /// LogAppendTime.
  package var timestampMilliseconds: Int64

  package init(position: RecordPosition, timestampMilliseconds: Int64) {
    self.position = position
    self.timestampMilliseconds = timestampMilliseconds
  }
}
