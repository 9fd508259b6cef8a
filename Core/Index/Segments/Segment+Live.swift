import Analysis
import Lexical
import Storage

/// What a tenant's live rows hold: without those that were removed since, or have expired.
extension Segment {
  /// The documents of a tenant that were removed or have expired since a mark, each once.
  private func newlyDead(
    _ rows: TenantRows, _ removed: Bitmap, _ removals: [Int32], since mark: WordMemo.Mark, now: Int64
  ) -> [Int] {
    let documents = rows.firstDocument..<rows.firstDocument + rows.documentCount
    var dead: [Int] = []
    for document in removals[mark.removals...].lazy.map({ Int($0) }) where documents.contains(document) {
      let expiry = self.expiry(of: document)
      // Counted already when it expired.
      if expiry > 0, expiry <= mark.now { continue }
      dead.append(document)
    }
    let expiring = self.expiring
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

  /// In how many live rows of the tenant a term is.
  ///
  /// - Parameters:
  ///   - removals: the documents of `removed` in the order of their removal.
  ///   - now: milliseconds since 1970.
  /// - Throws: `StorageError` with the code `.corrupt`.
  package func liveFrequency(
    _ term: [UInt8], _ cursor: inout PostingsCursor, _ rows: TenantRows, _ removed: Bitmap,
    _ removals: [Int32],
    now: Int64
  ) throws(StorageError) -> UInt64 {
    let all = cursor.count
    guard !removals.isEmpty || (expiring.first?.expiry ?? .max) <= now else { return UInt64(all) }
    let key = WordMemo.TermKey(tenant: rows.number, term: term)
    let known = words.withLock { $0.terms[key] }
    let mark = mark(removals, now: now)
    // A view that is older than what was counted, or a clock that went back.
    let isUsable = known.map { $0.mark.removals <= mark.removals && $0.mark.now <= now } ?? true
    let since = isUsable ? known?.mark ?? WordMemo.Mark() : WordMemo.Mark()
    let newly = newlyDead(rows, removed, removals, since: since, now: now)
    var dead = isUsable ? known?.dead ?? 0 : 0
    let deadRows = newly.reduce(0) { $0 + rowCount(of: $1) }
    if deadRows * 8 > all {
      // Fewer postings than rows to look for: all of the term's rows are looked at.
      dead = 0
      for block in 0..<cursor.blockCount {
        try cursor.load(block)
        for index in 0..<cursor.loaded {
          let document = self.document(ofRow: rows.firstRow + Int(cursor.rows[index]))
          let expiry = self.expiry(of: document)
          if removed.contains(document) || expiry > 0 && expiry <= now { dead += 1 }
        }
      }
    } else {
      for document in newly.sorted() {
        let first = firstRow(of: document) - rows.firstRow
        for row in first..<first + rowCount(of: document)
        where try cursor.code(of: UInt32(row)) != nil {
          dead += 1
        }
      }
    }
    if isUsable { words.withLock { $0.note(key, mark, dead: dead) } }
    return UInt64(max(0, all - dead))
  }

  /// What the tenant's live rows hold.
  package func liveContent(_ rows: TenantRows, _ removed: Bitmap, _ removals: [Int32], now: Int64)
    -> TenantContent
  {
    let known = words.withLock { $0.tenants[rows.number] }
    let mark = mark(removals, now: now)
    let isUsable = known.map { $0.mark.removals <= mark.removals && $0.mark.now <= now } ?? true
    var content: TenantContent
    var since = WordMemo.Mark()
    if isUsable, let known {
      (content, since) = (known.content, known.mark)
    } else {
      content = TenantContent()
      content.rows = UInt64(rows.rowCount)
      content.lengths = totalLengths(of: rows)
      for document in rows.firstDocument..<rows.firstDocument + rows.documentCount {
        content.languages[language(of: document), default: 0] += UInt64(rowCount(of: document))
      }
    }
    for document in newlyDead(rows, removed, removals, since: since, now: now) {
      let first = firstRow(of: document)
      for row in first..<first + rowCount(of: document) {
        content.remove(lengths(ofRow: row), language(of: document))
      }
    }
    if isUsable { words.withLock { $0.tenants[rows.number] = (mark, content) } }
    return content
  }
}
