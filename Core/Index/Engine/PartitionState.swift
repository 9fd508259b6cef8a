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

  /// So many of the newest records are remembered, to recognise the log again.
  package static let beaconMax = 16

  package var nextOffset: Int64 = 0
  /// What is applied of the partition was in the log at this time, in ms since 1970 by this machine's clock. Tombstones
  /// of it are kept for at least `delete.retention.ms` from then on.
  package var coveredMilliseconds: Int64 = 0
  /// All records that lay between the first of these and `nextOffset`.
  package private(set) var beacons: [Beacon] = []
  package var live = LiveDigest()
  /// What the records from this offset on decided is kept, for the reporters.
  package var reportedTo: Int64 = 0
  package var decisions: [Int64: DocumentCatalog.Decision] = [:]

  package init() {}

  package mutating func apply(_ beacon: Beacon, nextOffset: Int64) {
    self.nextOffset = nextOffset
    beacons.append(beacon)
    if beacons.count > Self.beaconMax { beacons.removeFirst() }
  }

  /// What is applied was in the log at a time.
  package mutating func cover(_ milliseconds: Int64) {
    coveredMilliseconds = max(coveredMilliseconds, milliseconds)
  }

  mutating func restore(_ beacons: [Beacon]) { self.beacons = beacons }

  /// Whether a record that lies in the log now contradicts what was applied: a record that is known nowhere, or was
  /// appended at another time. Compaction only ever takes records.
  package func contradicts(_ beacon: Beacon) -> Bool {
    guard let first = beacons.first, beacon.offset >= first.offset, beacon.offset < nextOffset else {
      return false
    }
    return !beacons.contains(beacon)
  }
}
