import Cryptography
import Foundation

/// Removes what topics need not keep: by time and size, and by key.
///
/// Compaction follows Kafka's rules: of the records of a key that lie below the boundary the newest stays; a tombstone
/// stays `delete.retention.ms` longer, from the moment it was first cleaned. The boundary is the first batch younger
/// than `min.compaction.lag.ms`, and never beyond the newest batch. Offsets stay as they are, with gaps. Each step is a
/// transaction of its own: after a crash a pass begins again and finds less to do.
final class Cleaner {
  /// Keys that one pass holds, 40 bytes each; the rest waits for the next pass.
  private static let keysMax = 1_000_000
  private static let batchesAtOnce: Int64 = 64
  private static let bytesAtOnce = 16 << 20

  private struct Digest: Hashable {
    var high: UInt64
    var low: UInt64
    init(_ key: ArraySlice<UInt8>) {
      let bytes = SHA256.digest(Array(key))
      high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
      low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  private struct Row {
    var base: Int64
    var bytes: [UInt8]
  }

  private let store: Store
  /// Ends at which a partition had nothing to compact, and when to look again though it has not grown: records may
  /// have come of age since.
  private var looked: [Int64: (end: Int64, again: Int64)] = [:]
  private static let lookAgainMax: Int64 = 60_000

  init(_ store: Store) { self.store = store }

  /// - Parameter isStopped: asked between partitions and batches.
  func clean(now: Int64, isStopped: () -> Bool) throws(StorageError) {
    for partition in store.allPartitions {
      if isStopped() { return }
      if partition.topic.isDeleted { try expire(partition, now: now) }
      if partition.topic.isCompacted { try compact(partition, now: now, isStopped: isStopped) }
    }
  }

  // MARK: time and size

  private func expire(_ partition: Store.Partition, now: Int64) throws(StorageError) {
    let age = partition.topic.number("retention.ms")
    let size = partition.topic.number("retention.bytes")
    while !partition.isDeleted {
      var expired: [(base: Int64, last: Int64)] = []
      var isPast = false
      if age >= 0 {
        try store.reading { (database) throws(StorageError) in
          try database.run(
            """
            SELECT base_offset,last_offset,max_timestamp FROM batches WHERE partition_id=? ORDER BY base_offset LIMIT ?
            """, [.int(partition.id), .int(Self.batchesAtOnce)]
          ) { row in
            // From the start on: what lies behind a younger batch waits for it, as in a segment.
            isPast = isPast || row.int(2) >= now.subtractingOrMin(age)
            if !isPast { expired.append((row.int(0), row.int(1))) }
          }
        }
      }
      if expired.isEmpty, size >= 0 { expired = try oldestBeyond(size, partition) }
      guard let last = expired.last else { return }
      let start = last.last + 1
      try store.write { (database) throws(StorageError) in
        for table in ["batches", "horizons"] {
          try database.run(
            "DELETE FROM \(table) WHERE partition_id=? AND base_offset<=?",
            [.int(partition.id), .int(last.base)])
        }
        try database.run("UPDATE partitions SET log_start=? WHERE id=?", [.int(start), .int(partition.id)])
      } committed: {
        partition.setLogStart(start)
        partition.forgetTail(below: start)
      }
      try vacuum()
    }
  }

  /// The oldest batches without which what is left is still as long as `size`.
  private func oldestBeyond(_ size: Int64, _ partition: Store.Partition) throws(StorageError) -> [(
    base: Int64, last: Int64
  )] {
    var total: Int64 = 0
    var oldest: [(base: Int64, last: Int64)] = []
    try store.reading { (database) throws(StorageError) in
      try database.run(
        "SELECT coalesce(sum(length(bytes)),0) FROM batches WHERE partition_id=?", [.int(partition.id)]
      ) { total = $0.int(0) }
      guard total > size else { return }
      try database.run(
        "SELECT base_offset,last_offset,length(bytes) FROM batches WHERE partition_id=? ORDER BY base_offset LIMIT ?",
        [.int(partition.id), .int(Self.batchesAtOnce)]
      ) { row in
        guard total - row.int(2) >= size else { return }
        total -= row.int(2)
        oldest.append((row.int(0), row.int(1)))
      }
    }
    return oldest
  }

  /// Gives pages back to the file system, a few at a time.
  private func vacuum() throws(StorageError) {
    try store.write { (database) throws(StorageError) in try database.run("PRAGMA incremental_vacuum(1000)") }
  }

  // MARK: keys

  private func compact(_ partition: Store.Partition, now: Int64, isStopped: () -> Bool) throws(StorageError) {
    let end = partition.highWatermark
    if let last = looked[partition.id], last.end == end, now < last.again,
      try dueHorizons(partition, now: now).isEmpty
    {
      return
    }
    let topic = partition.topic
    var cleanEnd = partition.logStart
    try store.reading { (database) throws(StorageError) in
      try database.run("SELECT clean_end FROM compactions WHERE partition_id=?", [.int(partition.id)]) {
        cleanEnd = max(cleanEnd, $0.int(0))
      }
    }
    var boundary = try boundary(
      partition, from: cleanEnd, youngest: now.subtractingOrMin(topic.number("min.compaction.lag.ms")))
    if boundary > cleanEnd, try isWorthIt(partition, cleanEnd, boundary, now: now) {
      let newest = try newestOffsets(partition, cleanEnd, &boundary, isStopped)
      if isStopped() { return }
      try rewrite(partition, from: partition.logStart, to: boundary, newest, now: now, isStopped)
      if isStopped() { return }
      try store.write { (database) throws(StorageError) in
        guard !partition.isDeleted else { return }
        try database.run(
          "INSERT OR REPLACE INTO compactions(partition_id,clean_end) VALUES(?,?)",
          [.int(partition.id), .int(boundary)])
      }
      try vacuum()
    } else {
      for base in try dueHorizons(partition, now: now) {
        try rewrite(partition, from: base, to: base + 1, [:], now: now, isStopped)
      }
      looked[partition.id] = (
        end, now + min(Self.lookAgainMax, max(1000, topic.number("min.compaction.lag.ms")))
      )
    }
  }

  private func dueHorizons(_ partition: Store.Partition, now: Int64) throws(StorageError) -> [Int64] {
    var due: [Int64] = []
    try store.reading { (database) throws(StorageError) in
      try database.run(
        "SELECT base_offset FROM horizons WHERE partition_id=? AND horizon<=?",
        [.int(partition.id), .int(now)]
      ) { due.append($0.int(0)) }
    }
    return due
  }

  /// The base of the first batch that may not be cleaned yet.
  private func boundary(_ partition: Store.Partition, from start: Int64, youngest: Int64) throws(StorageError)
    -> Int64
  {
    var boundary = start
    try store.reading { (database) throws(StorageError) in
      try database.run(
        "SELECT coalesce(max(base_offset),0) FROM batches WHERE partition_id=?", [.int(partition.id)]
      ) { boundary = $0.int(0) }
      try database.run(
        """
        SELECT base_offset FROM batches WHERE partition_id=? AND base_offset>=? AND max_timestamp>?
          ORDER BY base_offset LIMIT 1
        """, [.int(partition.id), .int(start), .int(youngest)]
      ) { boundary = min(boundary, $0.int(0)) }
    }
    return boundary
  }

  /// Whether enough is dirty, or it has been for too long.
  private func isWorthIt(_ partition: Store.Partition, _ cleanEnd: Int64, _ boundary: Int64, now: Int64)
    throws(StorageError) -> Bool
  {
    var (clean, dirty, oldest): (Int64, Int64, Int64) = (0, 0, now)
    try store.reading { (database) throws(StorageError) in
      try database.run(
        """
        SELECT coalesce(sum(CASE WHEN base_offset<?2 THEN length(bytes) END),0),
          coalesce(sum(CASE WHEN base_offset>=?2 THEN length(bytes) END),0),
          coalesce(min(CASE WHEN base_offset>=?2 THEN max_timestamp END),?4)
          FROM batches WHERE partition_id=?1 AND base_offset<?3
        """, [.int(partition.id), .int(cleanEnd), .int(boundary), .int(now)]
      ) { (clean, dirty, oldest) = ($0.int(0), $0.int(1), $0.int(2)) }
    }
    guard dirty > 0 else { return false }
    if Double(dirty) >= partition.topic.cleanableRatio * Double(clean + dirty) { return true }
    return oldest <= now.subtractingOrMin(partition.topic.number("max.compaction.lag.ms"))
  }

  /// For each key between two offsets its newest offset; lowers the boundary when there are too many.
  private func newestOffsets(
    _ partition: Store.Partition, _ start: Int64, _ boundary: inout Int64, _ isStopped: () -> Bool
  ) throws(StorageError) -> [Digest: Int64] {
    var newest: [Digest: Int64] = [:]
    var next = start
    while next < boundary, !isStopped() {
      let rows = try rows(partition, from: next, to: boundary)
      guard let last = rows.last else { break }
      for row in rows {
        for record in (try? RecordBatch(stored: row.bytes).records()) ?? [] {
          if let key = record.key { newest[Digest(key)] = record.offset }
        }
        if newest.count >= Self.keysMax {
          boundary = row.base + 1
          return newest
        }
      }
      next = last.base + 1
    }
    return newest
  }

  private func rows(_ partition: Store.Partition, from start: Int64, to end: Int64) throws(StorageError)
    -> [Row]
  {
    var rows: [Row] = []
    var bytes = 0
    try store.reading { (database) throws(StorageError) in
      try database.run(
        """
        SELECT base_offset,bytes FROM batches WHERE partition_id=? AND base_offset>=? AND base_offset<?
          ORDER BY base_offset LIMIT ?
        """, [.int(partition.id), .int(start), .int(end), .int(Self.batchesAtOnce)]
      ) { row in
        // Batches may be as long as a topic allows: a few at a time then.
        guard bytes < Self.bytesAtOnce else { return }
        let batch = row.blob(1)
        bytes += batch.count
        rows.append(Row(base: row.int(0), bytes: batch))
      }
    }
    return rows
  }

  private func rewrite(
    _ partition: Store.Partition, from start: Int64, to end: Int64, _ newest: [Digest: Int64], now: Int64,
    _ isStopped: () -> Bool
  ) throws(StorageError) {
    let horizonLater = now.addingOrMax(partition.topic.number("delete.retention.ms"))
    var next = start
    while next < end, !isStopped() {
      let rows = try rows(partition, from: next, to: end)
      guard let last = rows.last else { break }
      let horizons = try horizons(partition, from: next, to: last.base)
      var changes: [Change] = []
      for row in rows {
        let batch = RecordBatch(stored: row.bytes)
        // What can't be read, a snappy batch from before the topic was compacted say, stays as it is.
        guard let records = try? batch.records() else { continue }
        let isDue = horizons[row.base].map { $0 <= now } ?? false
        let kept = records.filter { record in
          guard let key = record.key else { return true }
          if isDue, record.isTombstone { return false }
          return newest[Digest(key)].map { $0 <= record.offset } ?? true
        }
        let hasTombstone = kept.contains(where: \.isTombstone)
        let horizon = hasTombstone ? horizons[row.base] ?? horizonLater : nil
        if kept.count < records.count || horizon != horizons[row.base] {
          changes.append(
            Change(
              base: row.base,
              bytes: kept.isEmpty ? nil : kept.count < records.count ? batch.keeping(kept).bytes : row.bytes,
              horizon: horizon))
        }
      }
      try apply(changes, partition)
      next = last.base + 1
    }
    partition.forgetTail(below: end)
  }

  private struct Change {
    var base: Int64
    /// Nil: no record is left.
    var bytes: [UInt8]?
    var horizon: Int64?
  }

  private func horizons(_ partition: Store.Partition, from start: Int64, to end: Int64) throws(StorageError)
    -> [Int64: Int64]
  {
    var horizons: [Int64: Int64] = [:]
    try store.reading { (database) throws(StorageError) in
      try database.run(
        "SELECT base_offset,horizon FROM horizons WHERE partition_id=? AND base_offset>=? AND base_offset<=?",
        [.int(partition.id), .int(start), .int(end)]
      ) { horizons[$0.int(0)] = $0.int(1) }
    }
    return horizons
  }

  private func apply(_ changes: [Change], _ partition: Store.Partition) throws(StorageError) {
    guard !changes.isEmpty else { return }
    try store.write { (database) throws(StorageError) in
      for change in changes {
        let place: [SQLValue] = [.int(partition.id), .int(change.base)]
        if let bytes = change.bytes {
          try database.run(
            "UPDATE batches SET bytes=?3 WHERE partition_id=?1 AND base_offset=?2", place + [.blob(bytes)])
        } else {
          try database.run("DELETE FROM batches WHERE partition_id=?1 AND base_offset=?2", place)
        }
        if let horizon = change.horizon {
          // Only beside a batch that is still there: its topic may have been deleted meanwhile.
          try database.run(
            """
            INSERT OR REPLACE INTO horizons(partition_id,base_offset,horizon)
              SELECT partition_id,base_offset,?3 FROM batches WHERE partition_id=?1 AND base_offset=?2
            """, place + [.int(horizon)])
        } else {
          try database.run("DELETE FROM horizons WHERE partition_id=?1 AND base_offset=?2", place)
        }
      }
    }
  }
}

// Used by the cleaning thread alone.
extension Cleaner: @unchecked Sendable {}

extension Int64 {
  /// Settings and clients' timestamps may be any number.
  fileprivate func addingOrMax(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other > 0 ? .max : .min) : sum
  }

  fileprivate func subtractingOrMin(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other > 0 ? .min : .max) : difference
  }
}
