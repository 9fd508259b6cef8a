import Cryptography
import Foundation

/// Deletes expired batches by time and size, and compacts topics by key.
///
/// Compaction follows Kafka's rules: below a boundary, only the newest record of each key is kept. A
/// tombstone is kept for `delete.retention.ms` after the first pass that met it. The boundary is the first
/// batch younger than `min.compaction.lag.ms`; the newest batch is never compacted. Offsets don't change, so
/// gaps appear. Each step is its own transaction: after a crash, the next pass starts over and finds less
/// work.
final class Cleaner {
  /// Keys that one pass holds, about 40 bytes each. Later batches wait for the next pass.
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
  /// `end`: the high watermark at which a partition had nothing to compact. `again`: when to look again
  /// although no record was added, because records may have passed `min.compaction.lag.ms` since.
  private var looked: [Int64: (end: Int64, again: Int64)] = [:]
  private static let lookAgainMax: Int64 = 60_000

  init(_ store: Store) { self.store = store }

  /// - Parameter isStopped: checked between partitions and batches.
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
            // Only the oldest batches expire: a batch behind a younger one stays, as in a Kafka segment.
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

  /// The oldest batches that can be deleted so that at least `size` bytes are left.
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

  /// Returns up to 1,000 free pages to the file system.
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

  /// The base offset of the first batch that must not be compacted yet.
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

  /// True when the dirty share has reached `min.cleanable.dirty.ratio`, or the oldest dirty batch is older
  /// than `max.compaction.lag.ms`.
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

  /// The newest offset of each key from `start` to `boundary`. Lowers `boundary` when there are more than
  /// `keysMax` keys.
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
        // A batch can be as large as `max.message.bytes` allows: limit the bytes, not only the count.
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
        // A batch that can't be unpacked, for example a snappy batch, stays as it is.
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
    /// Nil when no record is left.
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
          // Only for a batch that still exists: its topic may have been deleted meanwhile.
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

// Only the cleaning thread uses it.
extension Cleaner: @unchecked Sendable {}

extension Int64 {
  /// Saturates: settings and client timestamps can be any number.
  fileprivate func addingOrMax(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other > 0 ? .max : .min) : sum
  }

  fileprivate func subtractingOrMin(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other > 0 ? .min : .max) : difference
  }
}
