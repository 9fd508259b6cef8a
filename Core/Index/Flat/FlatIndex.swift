import Catalog
import Records
import VectorMath

/// Exact search: matrix products score every row of the tenant, in blocks that stay in cache. Queries of one
/// call and one tenant share a scan.
package struct FlatIndex: VectorIndex {
  private static let blockRows = 512

  private let dimension: Int
  private var tenants: [TenantID: TenantRows] = [:]
  private var scores = FloatBuffer(count: 1)

  package init(dimension: Int) { self.dimension = dimension }

  package private(set) var rowCount = 0

  package mutating func insert(_ rows: [IndexRow]) {
    // The rows of a set share one list.
    var lists: [SetID: AccessList] = [:]
    for row in rows {
      precondition(
        row.vector.count == dimension, "a vector of \(row.vector.count) in an index of \(dimension)")
      if let acl = row.document.acl, lists[row.set]?.names != acl { lists[row.set] = AccessList(acl) }
      tenants[row.document.key.tenant, default: TenantRows(dimension: dimension)].append(
        row, row.document.acl == nil ? nil : lists[row.set])
    }
    rowCount += rows.count
  }

  package mutating func remove(_ document: DocumentKey, set: SetID) {
    rowCount -= tenants[document.tenant]?.remove(document.id, set) ?? 0
    if tenants[document.tenant]?.rows.isEmpty == true { tenants[document.tenant] = nil }
  }

  package mutating func search(_ queries: [IndexQuery]) -> [[IndexMatch]] {
    var results = [[IndexMatch]](repeating: [], count: queries.count)
    for (tenant, indices) in Dictionary(grouping: queries.indices, by: { queries[$0].tenant }) {
      guard let rows = tenants[tenant] else { continue }
      var tops = indices.map { TopK(depth: queries[$0].depth) }
      scan(rows, indices.map { queries[$0] }, &tops)
      for (position, index) in indices.enumerated() {
        results[index] = tops[position].sorted(rows).map { row, score in
          let entry = rows.rows[row]
          return IndexMatch(document: entry.document, set: entry.set, chunk: entry.chunk, score: score)
        }
      }
    }
    return results
  }

  private mutating func scan(_ rows: TenantRows, _ queries: [IndexQuery], _ tops: inout [TopK]) {
    let block = Self.blockRows
    if scores.count < queries.count * block { scores = FloatBuffer(count: queries.count * block) }
    let questions = FloatBuffer(queries.flatMap(\.vector))
    var readable = queries.map { ReadableLists($0.principals) }
    var start = 0
    while start < rows.rows.count {
      let count = min(block, rows.rows.count - start)
      BLAS.multiply(
        Matrix(questions, rowCount: queries.count, columnCount: dimension),
        transposed: Matrix(
          rows.vectors, at: start * dimension, rowCount: count, columnCount: dimension),
        into: Matrix(scores, rowCount: queries.count, columnCount: count))
      for position in queries.indices {
        let values = scores.read(at: position * count, count: count)
        for (index, score) in values.enumerated() where tops[position].mayEnter(score) {
          let row = start + index
          guard rows.rows[row].isVisible(to: queries[position], &readable[position]) else { continue }
          tops[position].insert(row, score, rows)
        }
      }
      start += count
    }
  }
}

/// The rows of one tenant. A scan sees the rows of one tenant only, so tenants are isolated by construction.
private struct TenantRows {
  struct Row {
    var document: DocumentInfo
    var set: SetID
    var chunk: Chunk
    /// Who may read it; nil for the whole tenant.
    var access: AccessList?

    func isVisible(to query: IndexQuery, _ readable: inout ReadableLists) -> Bool {
      if let access, !readable.contains(access) { return false }
      if document.isExpired(at: query.nowMilliseconds) { return false }
      return query.filter.allSatisfy { name, values in
        document.metadata[name].map { $0.matches(values) } ?? false
      }
    }

    func precedes(_ other: Row) -> Bool {
      document.key.id == other.document.key.id
        ? chunk.number < other.chunk.number : document.key.id < other.document.key.id
    }
  }

  private let dimension: Int
  private(set) var rows: [Row] = []
  private(set) var vectors: FloatBuffer
  private var places: [DocumentID: Set<Int>] = [:]

  init(dimension: Int) {
    self.dimension = dimension
    vectors = FloatBuffer(count: 64 * dimension)
  }

  mutating func append(_ row: IndexRow, _ access: AccessList?) {
    let needed = (rows.count + 1) * dimension
    if needed > vectors.count {
      let larger = FloatBuffer(count: vectors.count * 2)
      larger.copy(from: vectors, at: 0, to: 0, count: rows.count * dimension)
      vectors = larger
    }
    vectors.write(row.vector, at: rows.count * dimension)
    places[row.document.key.id, default: []].insert(rows.count)
    rows.append(Row(document: row.document, set: row.set, chunk: row.chunk, access: access))
  }

  /// Removes the set's rows and fills each gap with the last row.
  ///
  /// - Returns: how many there were.
  mutating func remove(_ id: DocumentID, _ set: SetID) -> Int {
    let doomed = (places[id] ?? []).filter { rows[$0].set == set }.sorted(by: >)
    for index in doomed {
      let last = rows.count - 1
      places[id]?.remove(index)
      if index != last {
        vectors.copy(from: vectors, at: last * dimension, to: index * dimension, count: dimension)
        rows[index] = rows[last]
        places[rows[index].document.key.id]?.remove(last)
        places[rows[index].document.key.id]?.insert(index)
      }
      rows.removeLast()
    }
    if places[id]?.isEmpty == true { places[id] = nil }
    return doomed.count
  }
}

/// The best rows found so far, best first.
private struct TopK {
  let depth: Int
  private var entries: [(row: Int, score: Float)] = []

  init(depth: Int) { self.depth = depth }

  func mayEnter(_ score: Float) -> Bool {
    guard entries.count >= depth, let worst = entries.last else { return !score.isNaN }
    return score >= worst.score
  }

  mutating func insert(_ row: Int, _ score: Float, _ rows: TenantRows) {
    func isBetter(_ other: (row: Int, score: Float)) -> Bool {
      score == other.score ? rows.rows[row].precedes(rows.rows[other.row]) : score > other.score
    }
    if entries.count >= depth, let worst = entries.last, !isBetter(worst) { return }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if isBetter(entries[middle]) { high = middle } else { low = middle + 1 }
    }
    entries.insert((row, score), at: low)
    if entries.count > depth { entries.removeLast() }
  }

  func sorted(_ rows: TenantRows) -> [(Int, Float)] { entries.map { ($0.row, $0.score) } }
}
