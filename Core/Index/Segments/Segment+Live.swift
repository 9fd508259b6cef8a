import Analysis
import Lexical
import Storage

/// Counts over a tenant's live rows: those whose documents were not removed and have not expired.
extension Segment {
  /// The documents of a tenant that were removed or have expired since a mark, each once.
  private func newlyDead(
    _ rows: TenantRows, _ removed: Bitmap, _ removals: [Int32], since mark: WordMemo.Mark, now: Int64
  ) -> [Int] {
    let documents = rows.firstDocument..<rows.firstDocument + rows.documentCount
    var dead: [Int] = []
    for document in removals[mark.removals...].lazy.map({ Int($0) }) where documents.contains(document) {
      let expiry = self.expiry(of: document)
      // The document was counted already when it expired.
      if expiry > 0, expiry <= mark.now { continue }
      dead.append(document)
    }
    var next = mark.expired
    while next < expiring.count, expiring[next].expiry <= now {
      let document = expiring[next].document
      if documents.contains(document), !removed.contains(document) { dead.append(document) }
      next += 1
    }
    return dead
  }

  private func mark(_ removals: [Int32], now: Int64) -> WordMemo.Mark {
    var (low, high) = (0, expiring.count)
    while low < high {
      let middle = (low + high) / 2
      if expiring[middle].expiry <= now { low = middle + 1 } else { high = middle }
    }
    return WordMemo.Mark(removals: removals.count, expired: low, now: now)
  }

  /// The tenant's documents that are no longer found.
  ///
  /// - Parameters:
  ///   - removals: the documents of `removed` in the order of their removal.
  ///   - now: milliseconds since 1970.
  package func deadDocuments(_ rows: TenantRows, _ removed: Bitmap, _ removals: [Int32], now: Int64)
    -> DeadDocuments
  {
    guard !removals.isEmpty || (expiring.first?.expiry ?? .max) <= now else {
      return DeadDocuments(documents: [], isRemembered: true)
    }
    let mark = mark(removals, now: now)
    // Under the lock, so that each list continues the one before it.
    return words.withLock { memo in
      let known = memo.dead[rows.number] ?? (WordMemo.Mark(), [])
      // The view is older than the remembered list, or the clock went back.
      guard known.mark.removals <= mark.removals, known.mark.now <= now else {
        return DeadDocuments(
          documents: newlyDead(rows, removed, removals, since: WordMemo.Mark(), now: now), isRemembered: false
        )
      }
      let all = known.documents + newlyDead(rows, removed, removals, since: known.mark, now: now)
      memo.dead[rows.number] = (mark, all)
      return DeadDocuments(documents: all, isRemembered: true)
    }
  }

  /// The number of the tenant's live rows that have a term.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func liveFrequency(
    _ term: [UInt8], _ cursor: inout PostingsCursor, _ rows: TenantRows, without dead: DeadDocuments
  ) throws(StorageError) -> UInt64 {
    let all = cursor.count
    guard !dead.documents.isEmpty else { return UInt64(all) }
    let key = WordMemo.TermKey(tenant: rows.number, term: term)
    let known = dead.isRemembered ? words.withLock { $0.terms[key] } : nil
    let isOlder = (known?.documents ?? 0) > dead.documents.count
    var (counted, deadRows) = isOlder ? (0, 0) : known ?? (0, 0)
    let newly = dead.documents[counted...].sorted()
    let newRows = newly.reduce(0) { $0 + rowCount(of: $1) }
    if newRows * 8 > all {
      // Looking for that many rows would take longer than reading all postings of the term.
      let documents = Set(dead.documents)
      deadRows = 0
      for block in 0..<cursor.blockCount {
        try cursor.load(block)
        for index in 0..<cursor.loaded
        where documents.contains(document(ofRow: rows.firstRow + Int(cursor.rows[index]))) {
          deadRows += 1
        }
      }
    } else {
      for document in newly {
        let first = firstRow(of: document) - rows.firstRow
        for row in first..<first + rowCount(of: document)
        where try cursor.code(of: UInt32(row)) != nil {
          deadRows += 1
        }
      }
    }
    counted = dead.documents.count
    if dead.isRemembered, !isOlder { words.withLock { $0.note(key, documents: counted, rows: deadRows) } }
    return UInt64(max(0, all - deadRows))
  }

  /// The counts over the tenant's live rows.
  package func liveContent(_ rows: TenantRows, without dead: DeadDocuments) -> TenantContent {
    let known = dead.isRemembered ? words.withLock { $0.contents[rows.number] } : nil
    let isOlder = (known?.documents ?? 0) > dead.documents.count
    var content: TenantContent
    var counted = 0
    if let known, !isOlder {
      (counted, content) = known
    } else {
      content = TenantContent()
      content.rows = UInt64(rows.rowCount)
      content.lengths = totalLengths(of: rows)
      for document in rows.firstDocument..<rows.firstDocument + rows.documentCount {
        content.languages[language(of: document), default: 0] += UInt64(rowCount(of: document))
      }
    }
    for document in dead.documents[counted...] {
      let first = firstRow(of: document)
      for row in first..<first + rowCount(of: document) {
        content.remove(lengths(ofRow: row), language(of: document))
      }
    }
    if dead.isRemembered, !isOlder {
      words.withLock { $0.contents[rows.number] = (dead.documents.count, content) }
    }
    return content
  }
}
