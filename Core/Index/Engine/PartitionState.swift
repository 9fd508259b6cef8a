import Catalog

/// How far the index has applied one partition of `rag.vectors`. A value.
package struct PartitionState: Sendable, Equatable {
  /// A record that was applied.
  package struct Beacon: Sendable, Equatable {
    package var offset: Int64
    package var timestampMilliseconds: Int64

    package init(offset: Int64, timestampMilliseconds: Int64) {
      self.offset = offset
      self.timestampMilliseconds = timestampMilliseconds
    }
  }

  /// How many of the newest records are remembered, to tell whether the log is still the same one at the next start.
  package static let beaconMax = 16

  package var nextOffset: Int64 = 0
  /// The last time, in milliseconds since 1970 by this machine's clock, at which the partition was known to be read to
  /// its end, or at which reading it from its beginning began. A tombstone for an applied record that is not read yet
  /// is kept in the log for at least `delete.retention.ms` after this time.
  package var coveredMilliseconds: Int64 = 0
  /// The newest applied records. When they were read, no other record lay between the first of them and `nextOffset`.
  package private(set) var beacons: [Beacon] = []
  package var live = LiveDigest()
  /// The decisions of records from this offset on are kept, for the reporters.
  package var reportedTo: Int64 = 0
  package var decisions: [Int64: DocumentCatalog.Decision] = [:]

  package init() {}

  package mutating func apply(_ beacon: Beacon, nextOffset: Int64) {
    self.nextOffset = nextOffset
    beacons.append(beacon)
    if beacons.count > Self.beaconMax { beacons.removeFirst() }
  }

  /// Moves `coveredMilliseconds` forward to a time; it never goes back.
  package mutating func cover(_ milliseconds: Int64) {
    coveredMilliseconds = max(coveredMilliseconds, milliseconds)
  }

  mutating func restore(_ beacons: [Beacon]) { self.beacons = beacons }

  /// Whether a record in the log shows that this is another log: no remembered record has its offset and timestamp. A
  /// remembered record that is missing from the log is no contradiction, because compaction removes records.
  package func contradicts(_ beacon: Beacon) -> Bool {
    guard let first = beacons.first, beacon.offset >= first.offset, beacon.offset < nextOffset else {
      return false
    }
    return !beacons.contains(beacon)
  }
}
