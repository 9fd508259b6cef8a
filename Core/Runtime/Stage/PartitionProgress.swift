import Foundation
import KafkaClient

/// Which records of one partition are finished, and what may be committed. A value without I/O.
///
/// Offsets are added when they are polled, and may be finished in any order. The committed offset is the lowest
/// unfinished one; gaps in the offsets are tolerated. The commit's metadata tells the next owner which records beyond
/// it are finished, and how many processes died with records of this partition in work (`CommitMetadata`).
package struct PartitionProgress: Sendable {
  /// A partition is full when its newest polled offset is this far past the committed one. A bitmap of this many
  /// offsets takes 3,336 bytes of the 4,096 that Kafka allows.
  package static let spanMax: Int64 = 20_000

  /// How a record must be treated after processes died.
  package enum Treatment: Sendable, Equatable {
    case usual
    /// No other record of the stage may be in work, and the start of the work must be committed before the work.
    case alone
    /// It was in work alone when two processes died, after earlier processes had died with it among others in work.
    case rejected
  }

  /// The lowest unfinished offset; one past the highest polled offset when all are finished.
  package private(set) var nextOffset: Int64
  /// Rises when results of earlier work must be ignored: the log restarted (it was truncated, or the topic was
  /// recreated), the partition was started at another offset than its commit, or another owner has come further. The
  /// same offsets may belong to other records then.
  package private(set) var incarnation = 0
  /// Rises with every change that is worth a commit. It begins at 1, so that each owner commits once at its assignment:
  /// otherwise the next owner could not tell its death from an orderly hand-over.
  package private(set) var revision = 1
  /// A number that the work stores for the next assignment. Only the work knows its meaning.
  package var note: Int64?

  private var polledEnd: Int64
  private var lastPolled: Int64
  /// One past the highest offset on which work was begun.
  private var startedEnd: Int64
  private var unfinished: Set<Int64> = []
  /// Unfinished offsets that are neither in work nor in a queue: they count as new when they are polled again.
  private var left: Set<Int64> = []
  /// Finished offsets that are not below `nextOffset`.
  private var finished: Set<Int64> = []
  private var deaths = CommitMetadata.Deaths()

  /// Takes over what the former owner committed.
  ///
  /// - Parameters:
  ///   - logEnd: the partition's current end offset. Records that are appended later were not in work at any death.
  ///   - inWorkMax: how many records the former owner may have begun after its last commit.
  ///   - deathsMax: as in `treatment(of:deathsMax:)`.
  package init(
    _ committed: CommittedOffset, logEnd: Int64 = .max, inWorkMax: Int = 0, deathsMax: Int = 4
  ) {
    nextOffset = committed.nextOffset
    polledEnd = committed.nextOffset
    lastPolled = committed.nextOffset - 1
    startedEnd = committed.nextOffset
    guard let metadata = CommitMetadata(committed.metadata, base: committed.nextOffset) else { return }
    finished = metadata.finished
    note = metadata.note
    deaths = metadata.deaths
    if metadata.isHandedOver {
      deaths.alone = nil
      return
    }
    if let alone = deaths.alone {
      if deaths.suspect == alone {
        deaths.guilty = alone
        deaths.suspect = nil
      } else if deaths.guilty == nil {
        deaths.suspect = alone
      }
      deaths.alone = nil
    } else if deaths.count == 0 || deaths.count >= deathsMax - 2 && metadata.startedEnd > nextOffset {
      // The first death, or a death while no suspect was in work: then a record beyond the suspects killed the process.
      // Finished records were begun, too.
      deaths.end = max(metadata.startedEnd, (finished.max() ?? -1) + 1) + Int64(inWorkMax)
      deaths.count = 1
    } else if metadata.startedEnd > nextOffset {
      // After the first death, the start of work on each suspect is committed before the work: only records that were
      // in work at both deaths remain suspects.
      deaths.end = min(deaths.end, metadata.startedEnd)
      deaths.count += 1
    }
    // Otherwise no work had begun in this partition: that death neither counts nor changes the suspects.
    deaths.end = min(deaths.end, logEnd)
    if nextOffset >= deaths.end { deaths = CommitMetadata.Deaths() }
  }

  /// Whether the former owner handed the partition over in order; true also without readable metadata. If false, `init`
  /// needs the end of the log.
  package static func isHandedOver(_ committed: CommittedOffset) -> Bool {
    CommitMetadata(committed.metadata, base: committed.nextOffset)?.isHandedOver ?? true
  }

  /// Continues with a partition that was assigned again while its records were in work: it is polled from `offset` on.
  package mutating func resume(at offset: Int64) { lastPolled = offset - 1 }

  /// Notes that a record was polled.
  ///
  /// - Returns: false when the record is finished, in work or waiting already.
  package mutating func poll(_ offset: Int64) -> Bool {
    if offset <= lastPolled { restart(at: offset) }
    if !left.isEmpty, offset > lastPolled + 1 {
      // The poll skipped offsets that were left: they are no longer in the log, and will not be polled again.
      for gone in left.filter({ $0 > lastPolled && $0 < offset }) { finish(gone, incarnation: incarnation) }
    }
    lastPolled = offset
    if unfinished.contains(offset) { return left.remove(offset) != nil }
    guard offset >= nextOffset else { return false }
    let isNew = !finished.contains(offset)
    if unfinished.isEmpty {
      // No lower record is unfinished: the committed offset moves to this record, or past it if it is finished.
      let isGap = offset > nextOffset
      nextOffset = isNew ? offset : offset + 1
      if isGap { finished = finished.filter { $0 >= nextOffset } } else { finished.remove(offset) }
      if !isNew { revision += 1 }
    }
    polledEnd = max(polledEnd, offset + 1)
    if isNew { unfinished.insert(offset) }
    return isNew
  }

  private mutating func restart(at offset: Int64) {
    let (incarnation, revision) = (incarnation + 1, revision + 1)
    self = PartitionProgress(CommittedOffset(nextOffset: offset))
    (self.incarnation, self.revision) = (incarnation, revision)
  }

  package mutating func begin(_ offset: Int64) {
    startedEnd = max(startedEnd, offset + 1)
    if isWatched(offset) { revision += 1 }
  }

  /// Whether the record may have been in work when a process died. Then the start of its work must be committed before
  /// the work, so that the next owner suspects only records that were in work.
  package func isWatched(_ offset: Int64) -> Bool { deaths.count > 0 && offset < deaths.end }

  /// Notes that the record will be in work alone. Commit before the work begins.
  package mutating func beginAlone(_ offset: Int64) {
    begin(offset)
    deaths.alone = offset
    revision += 1
  }

  /// The work on a record that was in work alone has ended, and the process lives.
  package mutating func endAlone(_ offset: Int64) {
    guard deaths.alone == offset else { return }
    deaths.alone = nil
    revision += 1
  }

  /// Begins at another offset than the commit.
  package mutating func start(at offset: Int64) { restart(at: offset) }

  /// Takes the place of a former progress of the partition, whose records may still be in work.
  package mutating func follow(_ former: PartitionProgress) {
    incarnation = former.incarnation + 1
    revision = former.revision + 1
  }

  /// Ends work on a record that is not finished, or drops it from the queue: it counts as new when it is polled again.
  package mutating func leave(_ offset: Int64) {
    if unfinished.contains(offset) { left.insert(offset) }
    if deaths.alone == offset { deaths.alone = nil }
  }

  /// Complexity: amortised O(1) for offsets without gaps; the prefix passes each offset once.
  package mutating func finish(_ offset: Int64, incarnation: Int) {
    guard incarnation == self.incarnation, unfinished.remove(offset) != nil else { return }
    left.remove(offset)
    revision += 1
    if deaths.alone == offset { deaths.alone = nil }
    if deaths.suspect == offset { deaths.suspect = nil }
    if deaths.guilty == offset { deaths.guilty = nil }
    finished.insert(offset)
    guard offset == nextOffset else { return }
    if unfinished.isEmpty {
      nextOffset = polledEnd
      // Offsets beyond this that the former owner finished are still to be polled, and are skipped then.
      if !finished.isEmpty { finished = finished.filter { $0 >= nextOffset } }
    } else {
      while !unfinished.contains(nextOffset) {
        finished.remove(nextOffset)
        nextOffset += 1
      }
    }
    if nextOffset >= deaths.end { deaths = CommitMetadata.Deaths() }
  }

  /// - Parameter deathsMax: the number of deaths after which a record is rejected; at least 3, because it must be in
  ///   work alone at the last two. `.max`: no record is rejected.
  package func treatment(of offset: Int64, deathsMax: Int) -> Treatment {
    if deathsMax == .max { return .usual }
    if deaths.guilty == offset { return .rejected }
    return offset < deaths.end && deaths.count >= deathsMax - 2 ? .alone : .usual
  }

  /// False while an offset is left: it holds back the committed offset, and must be polled again.
  package var isFull: Bool { left.isEmpty && polledEnd - nextOffset >= Self.spanMax }
  /// The lowest offset that is unfinished and will be polled again.
  package var lowestLeft: Int64? { left.min() }
  package var unfinishedCount: Int { unfinished.count - left.count }
  /// Whether the record is in work or waits for it.
  package func isHeld(_ offset: Int64) -> Bool { unfinished.contains(offset) && !left.contains(offset) }

  /// What may be committed.
  ///
  /// - Parameter isHandedOver: true for the last commit of an orderly hand-over. Otherwise the next owner assumes that
  ///   this process died.
  package func committed(isHandedOver: Bool) -> CommittedOffset {
    let metadata = CommitMetadata(
      base: nextOffset, isHandedOver: isHandedOver, startedEnd: max(startedEnd, nextOffset), deaths: deaths,
      note: note, finished: finished)
    return CommittedOffset(nextOffset: nextOffset, metadata: metadata.text)
  }
}
